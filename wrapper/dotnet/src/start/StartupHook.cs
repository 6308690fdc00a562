// The hook's way in: exec-wrapper names this assembly in DOTNET_STARTUP_HOOKS, and .NET calls Initialize before Main.
//
// It is an assembly of its own, which needs next to nothing: .NET does not start where one in that variable cannot be loaded, or throws. What
// can be missing, broken, in the way of something of the function's, or too new for a runtime is in another one, which is loaded in here.
//
// It takes nothing but the environment. It promises that whatever fails here, the runtime starts as if the hook were not there.

using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.Loader;
using System.Text;
using Microsoft.Win32.SafeHandles;

internal class StartupHook
{
    private const int Stderr = 2;

    public static void Initialize()
    {
        try
        {
            if (Disabled(Environment.GetEnvironmentVariable("AFTERGLOW_DISABLED")))
            {
                return;
            }
            var ours = typeof(StartupHook).Assembly.Location;
            TakeBack(ours);
            Start(Path.Combine(Path.GetDirectoryName(ours), "afterglow.dll"));
        }
        catch (Exception)
        {
            // There is nobody to tell, and nothing was changed.
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
    private static void TakeBack(string ours)
    {
        const string name = "DOTNET_STARTUP_HOOKS";
        var hooks = new List<string>((Environment.GetEnvironmentVariable(name) ?? "").Split(Path.PathSeparator));
        if (hooks.Remove(ours)) // the first one, unless somebody else's wrapper came in between
        {
            Environment.SetEnvironmentVariable(name, hooks.Count == 0 ? null : string.Join(":", hooks));
        }
    }

    private static void Start(string path)
    {
        try
        {
            var start = AssemblyLoadContext.Default.LoadFromAssemblyPath(path).GetType("Afterglow.Start", true).GetMethod("Hook");
            ((Action)Delegate.CreateDelegate(typeof(Action), start))();
        }
        catch (Exception e)
        {
            Warn("the hook cannot start (" + e.GetType().FullName + "); this function is not recorded");
        }
    }

    // Writes one line into the function's log, past Console, whose first use would come before the function's.
    private static void Warn(string text)
    {
        switch ((Environment.GetEnvironmentVariable("AFTERGLOW_LOG_LEVEL") ?? "").Trim().ToLowerInvariant())
        {
            case "error":
            case "off":
                return;
        }
        var line = Encoding.UTF8.GetBytes("afterglow: dotnet: " + text + "\n");
        using (var log = new FileStream(new SafeFileHandle((IntPtr)Stderr, false), FileAccess.Write, 1))
        {
            log.Write(line, 0, line.Length);
        }
    }
}
