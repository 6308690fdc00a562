// Puts the hook together.

using System;

namespace Afterglow
{
    internal static class Start
    {
        private const string Switch = "System.Net.Http.EnableActivityPropagation";
        private const string Variable = "DOTNET_SYSTEM_NET_HTTP_ENABLEACTIVITYPROPAGATION";

        public static void Hook()
        {
            var api = Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API");
            if (string.IsNullOrEmpty(api))
            {
                return; // a program of somebody else's that inherited the variable
            }
            var settings = new Settings();
            if (SwitchedOff())
            {
                Guard.Warn(Switch + " is off, and with it all that HttpClient tells; this function is not recorded");
                return;
            }
            var spool = new Spool(settings);
            var handler = new Handler(settings, spool, api);
            handler.Attach();
            new Http(handler, new Calls(settings, spool, handler)).Attach();
        }

        // HttpClient's own way to decide, in DiagnosticsHandler (3.1, 5) and GlobalHttpSettings (6 and later).
        private static bool SwitchedOff()
        {
            if (AppContext.TryGetSwitch(Switch, out var on))
            {
                return !on;
            }
            var value = Environment.GetEnvironmentVariable(Variable);
            return value != null && (value == "0" || value.Equals("false", StringComparison.OrdinalIgnoreCase));
        }
    }
}
