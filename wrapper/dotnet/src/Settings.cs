// The settings that the hook needs; their meaning and bounds are settings/table.go's.

using System;
using System.Globalization;

namespace Afterglow
{
    internal sealed class Settings
    {
        public readonly string SpoolDir;
        public readonly long SpoolDirBytes;
        public readonly long SpoolInvocationBytes;
        public readonly int BodyBytes;
        public readonly int EventBytes;
        public readonly int HeaderBytes;
        public readonly Propagation Propagation; // null: no request gets a traceparent

        // dir is a directory that is not the environment's, or null.
        public Settings(string dir = null)
        {
            var level = Value("AFTERGLOW_LOG_LEVEL").ToLowerInvariant();
            if (level.Length > 0 && !Guard.Level(level))
            {
                Guard.Warn("AFTERGLOW_LOG_LEVEL is not one of debug, info, warn, error, off; warn is used");
            }
            SpoolDir = dir ?? Path("AFTERGLOW_SPOOL_DIR", "/tmp/afterglow");
            SpoolDirBytes = Bytes("AFTERGLOW_SPOOL_DIR_BYTES", 67108864, 1L << 20, 1L << 33);
            SpoolInvocationBytes = Bytes("AFTERGLOW_SPOOL_INVOCATION_BYTES", 16777216, 1 << 16, 1 << 30);
            BodyBytes = (int)Bytes("AFTERGLOW_CAPTURE_BODY_BYTES", 32768, 0, 1 << 20);
            EventBytes = (int)Bytes("AFTERGLOW_CAPTURE_EVENT_BYTES", 65536, 0, 1 << 20);
            HeaderBytes = (int)Bytes("AFTERGLOW_CAPTURE_HEADER_BYTES", 16384, 0, 1 << 16);
            var domains = Value("AFTERGLOW_PROPAGATION_DOMAINS");
            Propagation = domains.Length == 0 ? null : Propagation.To(domains);
        }

        private static string Value(string name)
        {
            return (Environment.GetEnvironmentVariable(name) ?? "").Trim();
        }

        private static string Path(string name, string preset)
        {
            var value = Environment.GetEnvironmentVariable(name);
            if (string.IsNullOrEmpty(value))
            {
                return preset;
            }
            if (value[0] == '/')
            {
                return value;
            }
            Guard.Warn(name + " is not an absolute path; " + preset + " is used");
            return preset;
        }

        private static long Bytes(string name, long preset, long least, long most)
        {
            var value = Value(name);
            if (value.Length == 0)
            {
                return preset;
            }
            if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) && n >= least && n <= most)
            {
                return n;
            }
            Guard.Warn(name + " is not a whole number from " + least + " to " + most + "; " + preset + " is used");
            return preset;
        }
    }
}
