// Where what a function writes goes: to the platform's log channel if there is one, else to the standard
// output; a line of Console or of a logger with time, request id and level before it, unless the function's
// configuration says otherwise.

using System;
using System.IO;
using System.Reflection;
using System.Text;
using Amazon.Lambda.Core;
using Microsoft.Win32.SafeHandles;

namespace Amazon.Lambda.RuntimeSupport
{
    internal sealed class LogWriter
    {
        public const string Told = "info";
        public const string Failed = "fail";

        private readonly object gate = new object();
        private readonly TextWriter output;
        private readonly bool plain;

        // The invocation that is running; null during init.
        public volatile string RequestId;

        private LogWriter(TextWriter output)
        {
            this.output = output;
            var format = Environment.GetEnvironmentVariable("AWS_LAMBDA_HANDLER_LOG_FORMAT") ?? "";
            plain = format.Equals("Unformatted", StringComparison.OrdinalIgnoreCase);
        }

        // Makes Console write here.
        public static LogWriter TakeOver()
        {
            var log = new LogWriter(Channel() ?? Console.Out);
            Console.SetOut(new LineWriter(log, Told));
            Console.SetError(new LineWriter(log, Failed));
            return log;
        }

        public void Write(string level, string message)
        {
            lock (gate)
            {
                if (plain)
                {
                    output.WriteLine(message);
                    return;
                }
                output.WriteLine(DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ") + "\t" + RequestId + "\t" + level + "\t" + message);
            }
        }

        public void WriteRaw(string text)
        {
            lock (gate)
            {
                output.Write(text);
            }
        }

        // LambdaLogger.Log writes here too. It has no public way to say so; the name is the contract.
        public void ServeLambdaLogger()
        {
            typeof(LambdaLogger).GetField("_loggingAction", BindingFlags.NonPublic | BindingFlags.Static)
                ?.SetValue(null, (Action<string>)(message => Write(Told, message)));
        }

        private static TextWriter Channel()
        {
            const string setting = "_LAMBDA_TELEMETRY_LOG_FD";
            if (!int.TryParse(Environment.GetEnvironmentVariable(setting), out var descriptor))
            {
                return null;
            }
            // Programs that the function starts have no such descriptor.
            Environment.SetEnvironmentVariable(setting, null);
            // A stream would find out at its first write only.
            if (!File.Exists("/dev/fd/" + descriptor))
            {
                return null;
            }
            // Without a buffer: a frame is one write.
            return new FrameWriter(new FileStream(new SafeFileHandle(new IntPtr(descriptor), false), FileAccess.Write, 1));
        }
    }

    // Console.Out and Console.Error: lines get a head, what is no line goes out as it is.
    internal sealed class LineWriter : TextWriter
    {
        private readonly LogWriter log;
        private readonly string level;

        public LineWriter(LogWriter log, string level)
        {
            this.log = log;
            this.level = level;
        }

        public override Encoding Encoding => new UTF8Encoding(false);

        public override void Write(char value)
        {
            log.WriteRaw(value.ToString());
        }

        public override void Write(string value)
        {
            log.WriteRaw(value ?? "");
        }

        public override void Write(char[] buffer, int index, int count)
        {
            log.WriteRaw(new string(buffer, index, count));
        }

        public override void WriteLine()
        {
            log.Write(level, "");
        }

        // All other forms of WriteLine come down to one of these.
        public override void WriteLine(string value)
        {
            log.Write(level, value ?? "");
        }

        public override void WriteLine(object value)
        {
            log.Write(level, value?.ToString() ?? "");
        }

        public override void WriteLine(bool value)
        {
            log.Write(level, value.ToString());
        }

        public override void WriteLine(char value)
        {
            log.Write(level, value.ToString());
        }

        public override void WriteLine(char[] buffer, int index, int count)
        {
            log.Write(level, new string(buffer, index, count));
        }

        public override void WriteLine(int value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }

        public override void WriteLine(uint value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }

        public override void WriteLine(long value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }

        public override void WriteLine(ulong value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }

        public override void WriteLine(float value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }

        public override void WriteLine(double value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }

        public override void WriteLine(decimal value)
        {
            log.Write(level, value.ToString(FormatProvider));
        }
    }

    // The platform's log channel. Each message has a head, so that one of many lines stays one: type and
    // length in 4 bytes each, the time in microseconds in 8, all big-endian.
    internal sealed class FrameWriter : TextWriter
    {
        private const uint TextFrame = 0xa55a0003;
        private const long TicksPerMicrosecond = TimeSpan.TicksPerMillisecond / 1000;

        private readonly Stream channel;

        public FrameWriter(Stream channel)
        {
            this.channel = channel;
        }

        public override Encoding Encoding => new UTF8Encoding(false);

        public override void Write(char value)
        {
            Write(value.ToString());
        }

        public override void WriteLine(string value)
        {
            Write(value + "\n");
        }

        public override void Write(string value)
        {
            var message = Encoding.GetBytes(value);
            var frame = new byte[16 + message.Length];
            Put(frame, 0, 4, TextFrame);
            Put(frame, 4, 4, message.Length);
            Put(frame, 8, 8, (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / TicksPerMicrosecond);
            Buffer.BlockCopy(message, 0, frame, 16, message.Length);
            channel.Write(frame, 0, frame.Length);
            channel.Flush();
        }

        private static void Put(byte[] frame, int at, int size, long value)
        {
            for (var i = size - 1; i >= 0; i--, value >>= 8)
            {
                frame[at + i] = (byte)value;
            }
        }
    }
}
