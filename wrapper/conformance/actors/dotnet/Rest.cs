// Errors of every kind, what the handler returns, and what .NET does not have or cannot do everywhere.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

using Args = System.Collections.Generic.Dictionary<string, object>;

public static class Raise
{
    // Has a constructor that takes other arguments.
    public sealed class Custom : Exception
    {
        public Custom(string one, int two) : base(one)
        {
            Data["two"] = two;
        }
    }

    // Cannot be made from its message, and prints as it likes.
    public sealed class Odd : Exception
    {
        public Odd(int one, int two)
        {
        }

        public override string Message => "odd €";

        public override string ToString()
        {
            return "Odd!";
        }
    }

    public static async Task<object> Now(string kind, string message)
    {
        switch (kind)
        {
            case "plain":
                throw new ArgumentException(message);
            case "custom":
                throw new Custom(message, 2);
            case "odd":
                throw new Odd(1, 2);
            case "deep":
                return Deep(50, message);
            case "chained":
                throw new InvalidOperationException(message, new ArgumentException("the cause"));
            case "async":
                await Task.Yield();
                return Deep(3, message);
            case "thread":
                return await Task.Run(() => Deep(3, message));
            case "unhandled":
                _ = Task.Run(() => Deep(3, message));
                return null;
            case "uncaught":
                var one = new Thread(() => Deep(3, message));
                one.Start();
                one.Join();
                return null;
            default:
                throw new Unsupported("to raise " + kind);
        }
    }

    private static object Deep(int n, string message)
    {
        if (n == 0)
        {
            throw new ArgumentException(message);
        }
        return Deep(n - 1, message);
    }
}

public static class Returned
{
    // Fails when it is written down.
    public sealed class Unserializable
    {
        public string Value => throw new InvalidOperationException("no value");
    }

    public static object Value(Args args, Args told)
    {
        var kind = Actor.String(args, "kind", "value");
        switch (kind)
        {
            case "value":
                return args["value"];
            case "size":
                return new string('r', Actor.Number(args, "size", 0));
            case "binary":
                return new MemoryStream(Enumerable.Range(0, 256).Select(i => (byte)i).ToArray());
            case "unicode":
                return "grüße, мир, 世界 \u2028 \ud83e\udd80 " + string.Concat(Enumerable.Repeat("€", 1000));
            case "event":
                return told;
            case "nothing":
                return null;
            case "many":
                return Enumerable.Range(0, Actor.Number(args, "size", 0)).Select(i => new Args { ["n"] = i }).ToList();
            case "proxy":
                return new Args
                {
                    ["statusCode"] = Actor.Number(args, "status", 200), ["headers"] = new Args { ["X-A"] = "1" }, ["body"] = args.TryGetValue("body", out var body) ? body : "text"
                };
            case "unserializable":
                return new Unserializable();
            default:
                throw new Unsupported("to return " + kind);
        }
    }
}

public static class Native
{
    private const int CloseOnExec = 0x80000;

    public static int Open()
    {
        return open(Encoding.ASCII.GetBytes("/dev/null\0"), CloseOnExec);
    }

    public static void Close(int descriptor)
    {
        close(descriptor);
    }

    public static void Exit(int code)
    {
        _exit(code);
    }

    [DllImport("libc")]
    private static extern int open(byte[] path, int flags);

    [DllImport("libc")]
    private static extern int close(int descriptor);

    [DllImport("libc")]
    private static extern void _exit(int code);
}

// MD5 by RFC 1321: the framework's own is OpenSSL's, of a version that machines of today do not have.
public static class Digest
{
    private static readonly int[] Shifts = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 };

    public static string Md5(byte[] data)
    {
        var padded = new byte[(data.Length + 8) / 64 * 64 + 64];
        Buffer.BlockCopy(data, 0, padded, 0, data.Length);
        padded[data.Length] = 0x80;
        Buffer.BlockCopy(BitConverter.GetBytes(8L * data.Length), 0, padded, padded.Length - 8, 8);
        var state = new uint[] { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
        for (var block = 0; block < padded.Length; block += 64)
        {
            Mix(state, padded, block);
        }
        return string.Concat(state.SelectMany(BitConverter.GetBytes).Select(b => b.ToString("x2")));
    }

    private static void Mix(uint[] state, byte[] data, int block)
    {
        uint a = state[0], b = state[1], c = state[2], d = state[3];
        for (var i = 0; i < 64; i++)
        {
            uint f;
            int word;
            switch (i / 16)
            {
                case 0:
                    f = b & c | ~b & d;
                    word = i;
                    break;
                case 1:
                    f = d & b | ~d & c;
                    word = (5 * i + 1) % 16;
                    break;
                case 2:
                    f = b ^ c ^ d;
                    word = (3 * i + 5) % 16;
                    break;
                default:
                    f = c ^ (b | ~d);
                    word = 7 * i % 16;
                    break;
            }
            var sum = unchecked(a + f + (uint)(long)Math.Floor(Math.Abs(Math.Sin(i + 1)) * 4294967296.0) + BitConverter.ToUInt32(data, block + 4 * word));
            var shift = Shifts[i / 16 * 4 + i % 4];
            a = d;
            d = c;
            c = b;
            b = unchecked(b + (sum << shift | sum >> (32 - shift)));
        }
        unchecked
        {
            state[0] += a;
            state[1] += b;
            state[2] += c;
            state[3] += d;
        }
    }
}
