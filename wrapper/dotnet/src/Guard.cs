// The guard: whatever of the hook's runs in the function's process is inside a try whose catch is Failed.
//
// It promises that nothing thrown by the hook reaches the function, that a failure is told once, without a word of what was
// being recorded, and that a hook which keeps failing switches itself off.

using System;
using System.Diagnostics;
using System.Text;

namespace Afterglow
{
    internal static class Guard
    {
        // Past this many failures the cause will not go away, and what is recorded would mislead.
        private const int MostFailures = 8;

        private const int Stderr = 2;
        private const int Warning = 2;

        private static readonly string[] Levels = { "debug", "info", "warn", "error", "off" };
        private static readonly object Gate = new object();

        private static int failures;
        private static int shown = Warning;

        public static bool Off => failures >= MostFailures;

        // Sets the least level that is shown; false if there is no such level.
        public static bool Level(string name)
        {
            var level = Array.IndexOf(Levels, name);
            if (level >= 0)
            {
                shown = level;
            }
            return level >= 0;
        }

        public static void Failed(string what, Exception error)
        {
            try
            {
                lock (Gate)
                {
                    failures++;
                    if (failures == 1)
                    {
                        Warn("the hook failed (" + what + ": " + Describe(error) + "); the function goes on without what it missed");
                    }
                    if (failures == MostFailures)
                    {
                        Warn("the hook failed " + failures + " times and is off in this process");
                    }
                }
            }
            catch (Exception)
            {
                // The count above is what matters.
            }
        }

        // Tells what went wrong without the message, which may quote what was being recorded.
        private static string Describe(Exception error)
        {
            var method = new StackTrace(error, false).GetFrame(0)?.GetMethod();
            return error.GetType().FullName + (method == null ? "" : " in " + method.DeclaringType?.Name + "." + method.Name);
        }

        // Writes one line into the function's log, not through Console, which may be the function's own. Never anything of a request.
        public static void Warn(string text)
        {
            if (Warning < shown)
            {
                return;
            }
            var line = Encoding.UTF8.GetBytes("afterglow: dotnet: " + text + "\n");
            Libc.Write(Stderr, line, line.Length); // a closed stderr is not ours to mend
        }
    }
}
