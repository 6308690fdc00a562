// As much of a reader of JSON as the hook needs: it walks over bytes and looks at a few members of an object. What is not JSON
// gives nothing; it is never an error.

using System;
using System.Text;

namespace Afterglow
{
    internal sealed class Json
    {
        private const int MostDepth = 512;
        private const int MostStatus = 65536; // longer responses are not searched; the extension has what was kept of them
        private const int MostError = 1 << 20; // the longest error that carries what is kept is far below
        private const int MostName = 16;

        private readonly byte[] data;
        private readonly int end;
        private int at;

        private Json(Bytes bytes, int most)
        {
            data = bytes.Data;
            at = bytes.From;
            end = bytes.From + Math.Min(bytes.Length, most);
        }

        // Gives the statusCode of a proxy response; 0 if it is none.
        public static int Status(Bytes response)
        {
            if (response.Data == null || response.Length > MostStatus)
            {
                return 0;
            }
            var json = new Json(response, MostStatus);
            for (json.Open(); json.Member(out var name);)
            {
                var from = json.at;
                if (!json.Skip(0))
                {
                    return 0;
                }
                if (name == "statusCode")
                {
                    var value = Encoding.ASCII.GetString(json.data, from, json.at - from).Trim('"');
                    return value.Length == 3 && int.TryParse(value, out var status) && status >= 100 ? status : 0;
                }
            }
            return 0;
        }

        // Gives type, message and stack of an error as runtime clients report it.
        public static Failure Error(Bytes error)
        {
            string type = "", message = "", stack = null;
            if (error.Data != null)
            {
                var json = new Json(error, MostError);
                for (json.Open(); json.Member(out var name);)
                {
                    switch (name)
                    {
                        case "errorType":
                            type = json.String(Afterglow.Text.Most);
                            break;
                        case "errorMessage":
                            message = json.String(Afterglow.Text.Most);
                            break;
                        case "stackTrace":
                            stack = json.Lines();
                            break;
                        default:
                            if (!json.Skip(0))
                            {
                                return new Failure(type, message, stack);
                            }
                            break;
                    }
                }
            }
            return new Failure(type, message, stack);
        }

        private int Peek()
        {
            while (at < end && (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t'))
            {
                at++;
            }
            return at < end ? data[at] : -1;
        }

        private void Open()
        {
            at = Peek() == '{' ? at + 1 : end;
        }

        // Steps to the value of an object's next member; false if there is none.
        private bool Member(out string name)
        {
            name = null;
            if (Peek() == ',')
            {
                at++;
            }
            if (Peek() != '"')
            {
                return false;
            }
            name = String(MostName);
            if (Peek() != ':')
            {
                return false;
            }
            at++;
            return Peek() >= 0;
        }

        // Reads a string of at most so many characters and steps over it; "" if there is none.
        private string String(int most)
        {
            if (Peek() != '"')
            {
                Skip(0);
                return "";
            }
            var from = ++at;
            for (; at < end && data[at] != '"'; at++)
            {
                if (data[at] == '\\')
                {
                    at++;
                }
            }
            var to = Math.Min(at, end);
            at = to + 1;
            return Unescape(Encoding.UTF8.GetString(data, from, to - from), most);
        }

        private static string Unescape(string text, int most)
        {
            var plain = new StringBuilder();
            for (var i = 0; i < text.Length && plain.Length < most; i++)
            {
                var c = text[i];
                if (c == '\\' && i + 1 < text.Length)
                {
                    c = text[++i];
                    var known = "nrtbf".IndexOf(c);
                    if (c == 'u' && i + 4 < text.Length && ushort.TryParse(text.Substring(i + 1, 4), System.Globalization.NumberStyles.HexNumber, null, out var unit))
                    {
                        c = (char)unit;
                        i += 4;
                    }
                    else if (known >= 0)
                    {
                        c = "\n\r\t\b\f"[known];
                    }
                }
                plain.Append(c);
            }
            return plain.ToString();
        }

        private string Lines()
        {
            var text = new StringBuilder();
            if (Peek() != '[')
            {
                return String(Afterglow.Text.Most);
            }
            for (at++; Peek() == '"' && text.Length < Afterglow.Text.Most;)
            {
                text.Append(String(Afterglow.Text.Most)).Append('\n');
                if (Peek() == ',')
                {
                    at++;
                }
            }
            if (Peek() != ']')
            {
                at = end; // the rest is not worth a look
            }
            at++;
            return text.ToString();
        }

        // Steps over a value; false if that is not possible.
        private bool Skip(int depth)
        {
            var c = Peek();
            if (c == '"')
            {
                for (at++; at < end && data[at] != '"'; at++)
                {
                    if (data[at] == '\\')
                    {
                        at++;
                    }
                }
                at++;
                return at <= end;
            }
            if (c == '{' || c == '[')
            {
                return depth < MostDepth && Nested(c == '{' ? '}' : ']', depth);
            }
            var from = at;
            while (at < end && data[at] != ',' && data[at] != '}' && data[at] != ']' && data[at] > ' ')
            {
                at++;
            }
            return at > from;
        }

        private bool Nested(int close, int depth)
        {
            for (at++; Peek() != close;)
            {
                if (at >= end || !Skip(depth + 1))
                {
                    return false;
                }
                var c = Peek();
                if (c == ',' || c == ':')
                {
                    at++;
                }
            }
            at++;
            return true;
        }
    }
}
