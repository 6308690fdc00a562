// Requests that name their call's span as parent: spool/FORMAT.md, a traceparent of the hook's. Nothing of it runs unless the setting asks for it.

using System;
using System.Collections.Generic;
using System.Text.RegularExpressions;

namespace Afterglow
{
    internal sealed class Propagation
    {
        public const string Header = "traceparent";

        private const RegexOptions Plainly = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant;

        private readonly Regex meant;
        private readonly Regex root = new Regex("(?:^|;)\\s*root=1-([0-9a-f]{8})-([0-9a-f]{24})\\s*(?:;|$)", Plainly);

        private Propagation(string pattern)
        {
            meant = new Regex(pattern, Plainly);
        }

        // Gives null if no host is named.
        public static Propagation To(string domains)
        {
            var hosts = new List<string>();
            foreach (var entry in domains.Split(','))
            {
                var host = entry.Trim();
                if (host.Length > 0)
                {
                    hosts.Add((host[0] == '.' ? ".+" : "") + Regex.Escape(host).Replace("\\*", ".*"));
                }
            }
            return hosts.Count == 0 ? null : new Propagation("^(?:" + string.Join("|", hosts) + ")$");
        }

        // Gives a span for a request with these headers, names and values in turn, and the value of its header; null if it is to stay as it is.
        public string Span(Uri uri, List<string> headers, string trace, out string value)
        {
            value = null;
            var host = uri.HostNameType == UriHostNameType.IPv6 ? "[" + uri.IdnHost + "]" : uri.IdnHost;
            if (trace == null || !meant.IsMatch(host) && !meant.IsMatch(uri.IsDefaultPort ? host : host + ":" + uri.Port) || IsTaken(uri, headers))
            {
                return null;
            }
            var found = root.Match(trace);
            if (!found.Success)
            {
                return null;
            }
            // The last half of a Guid has 62 random bits, and none of it is OpenSSL's, which ends the process where there is none.
            var span = Guid.NewGuid().ToString("n").Substring(16);
            value = "00-" + (found.Groups[1].Value + found.Groups[2].Value).ToLowerInvariant() + "-" + span + "-01";
            return span;
        }

        // Tells whether a request has a parent, or a signature that may be about its headers.
        private static bool IsTaken(Uri uri, List<string> headers)
        {
            for (var i = 0; i + 1 < headers.Count; i += 2)
            {
                switch (headers[i].ToLowerInvariant())
                {
                    case Header:
                    case "signature":
                    case "signature-input":
                    case "x-amz-content-sha256":
                        return true;
                    case "authorization":
                        if (headers[i + 1].TrimStart().StartsWith("aws", StringComparison.OrdinalIgnoreCase) || Signs(headers[i + 1]))
                        {
                            return true;
                        }
                        break;
                }
            }
            return Signs(uri.Query);
        }

        private static bool Signs(string text)
        {
            return text.IndexOf("signature=", StringComparison.OrdinalIgnoreCase) >= 0;
        }
    }
}
