// The hook's way in: exec-wrapper names this assembly in DOTNET_STARTUP_HOOKS, and .NET calls Initialize before Main.
//
// It takes nothing but the environment. It promises that whatever fails here, the runtime starts as if the hook were not there.

using System;

internal class StartupHook
{
    public static void Initialize()
    {
        try
        {
            if (Disabled(Environment.GetEnvironmentVariable("AFTERGLOW_DISABLED")))
            {
                return;
            }
            TakeBack();
            Afterglow.Start.Hook();
        }
        catch (Exception)
        {
            // There is nobody to tell yet, and nothing was changed.
        }
    }

    // The kill switch goes before everything, so it is read without help of any other class.
    private static bool Disabled(string value)
    {
        if (value == null)
        {
            return false;
        }
        value = value.Trim();
        return value == "1" || string.Equals(value, "true", StringComparison.OrdinalIgnoreCase);
    }

    // Takes this assembly out of the variable: the function sees it as its owner wrote it, and a child process neither loads
    // the hook nor fails for want of this file, which .NET does not forgive.
    private static void TakeBack()
    {
        const string name = "DOTNET_STARTUP_HOOKS";
        var value = Environment.GetEnvironmentVariable(name) ?? "";
        var ours = typeof(StartupHook).Assembly.Location;
        if (value == ours)
        {
            Environment.SetEnvironmentVariable(name, null);
        }
        else if (value.StartsWith(ours + ":", StringComparison.Ordinal))
        {
            Environment.SetEnvironmentVariable(name, value.Substring(ours.Length + 1));
        }
    }
}
