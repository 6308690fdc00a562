// JSON being written, as bytes in UTF-8.

using System;
using System.Globalization;

namespace Afterglow
{
    internal sealed class Text
    {
        // FORMAT.md's limit for messages, stacks and URLs.
        public const int Most = 16384;

        private const string Hex = "0123456789abcdef";
        private const int WidestEscape = 6; // \u0000

        public byte[] Bytes;
        public int Length;

        public Text(int room)
        {
            Bytes = new byte[room];
        }

        private void Room(int n)
        {
            if (Bytes.Length - Length < n)
            {
                Array.Resize(ref Bytes, Math.Max(Length + n, 2 * Bytes.Length));
            }
        }

        // Appends ASCII as it is.
        public Text Raw(string ascii)
        {
            Room(ascii.Length);
            foreach (var c in ascii)
            {
                Bytes[Length++] = (byte)c;
            }
            return this;
        }

        public Text Raw(byte[] bytes, int from, int count)
        {
            Room(count);
            Buffer.BlockCopy(bytes, from, Bytes, Length, count);
            Length += count;
            return this;
        }

        public Text Number(long n)
        {
            return Raw(n.ToString(CultureInfo.InvariantCulture));
        }

        // Appends a string of at most so many characters.
        public Text Quoted(string s, int most = Most)
        {
            var end = Math.Min(s.Length, most);
            if (end < s.Length && end > 0 && char.IsHighSurrogate(s[end - 1]))
            {
                end--;
            }
            Room(WidestEscape * end + 2);
            Bytes[Length++] = (byte)'"';
            for (var i = 0; i < end; i++)
            {
                var c = s[i];
                if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
                {
                    Bytes[Length++] = (byte)c;
                }
                else if (c < 0x80)
                {
                    Escape(c);
                }
                else if (char.IsHighSurrogate(c) && i + 1 < end && char.IsLowSurrogate(s[i + 1]))
                {
                    Wide(char.ConvertToUtf32(c, s[++i]));
                }
                else
                {
                    Wide(char.IsSurrogate(c) ? 0xfffd : c);
                }
            }
            Bytes[Length++] = (byte)'"';
            return this;
        }

        private void Escape(char c)
        {
            Bytes[Length++] = (byte)'\\';
            if (c == '"' || c == '\\')
            {
                Bytes[Length++] = (byte)c;
                return;
            }
            Bytes[Length++] = (byte)'u';
            Bytes[Length++] = (byte)'0';
            Bytes[Length++] = (byte)'0';
            Bytes[Length++] = (byte)Hex[c >> 4];
            Bytes[Length++] = (byte)Hex[c & 15];
        }

        private void Wide(int c)
        {
            if (c < 0x800)
            {
                Bytes[Length++] = (byte)(0xc0 | c >> 6);
            }
            else
            {
                if (c < 0x10000)
                {
                    Bytes[Length++] = (byte)(0xe0 | c >> 12);
                }
                else
                {
                    Bytes[Length++] = (byte)(0xf0 | c >> 18);
                    Bytes[Length++] = (byte)(0x80 | c >> 12 & 0x3f);
                }
                Bytes[Length++] = (byte)(0x80 | c >> 6 & 0x3f);
            }
            Bytes[Length++] = (byte)(0x80 | c & 0x3f);
        }

        // Appends a member, with a comma before it; none for a value that is not known.
        public Text Field(string name, string value)
        {
            return string.IsNullOrEmpty(value) ? this : Raw(",\"").Raw(name).Raw("\":").Quoted(value);
        }

        public Text Field(string name, long value)
        {
            return Raw(",\"").Raw(name).Raw("\":").Number(value);
        }

        public Text Failure(Failure error)
        {
            Raw(",\"error\":{\"type\":").Quoted(error.Type ?? "").Raw(",\"message\":").Quoted(error.Message ?? "");
            return (string.IsNullOrEmpty(error.Stack) ? this : Field("stack", error.Stack)).Raw("}");
        }
    }

    // What went wrong, as it is told.
    internal sealed class Failure
    {
        public readonly string Type, Message, Stack;

        public Failure(string type, string message, string stack)
        {
            Type = type;
            Message = message;
            Stack = stack;
        }
    }

    // A piece of a record's body.
    internal sealed class Part
    {
        public readonly string Of;
        public readonly byte[] Data;
        public readonly int From, Length;
        private readonly long size; // of the whole; negative if it is not known
        private readonly bool truncated, shortened;

        public Part(string of, byte[] data, int from, int length, long size, bool truncated, bool shortened)
        {
            Of = of;
            Data = data;
            From = from;
            Length = length;
            this.size = size;
            this.truncated = truncated;
            this.shortened = shortened;
        }

        // Gives at most budget of some bytes.
        public static Part Cut(string of, Bytes bytes, int budget)
        {
            var n = Math.Min(bytes.Length, budget);
            return new Part(of, bytes.Data, bytes.From, n, bytes.Length, n < bytes.Length, false);
        }

        public void Describe(Text text)
        {
            text.Raw("{\"of\":").Quoted(Of).Field("len", Length);
            if (size >= 0)
            {
                text.Field("size", size);
            }
            text.Raw(truncated ? ",\"truncated\":true" : "").Raw(shortened ? ",\"shortened\":true}" : "}");
        }
    }
}
