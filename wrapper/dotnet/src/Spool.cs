// The writer of spool files, as spool/FORMAT.md has them: one file for each invocation, one write(2) for each record.
//
// It takes records as JSON text and pieces of body, from any thread, and gives them to the extension. It promises to throw
// nothing that the file system does to it: what could not be written is counted and told with the next record that can be.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;

namespace Afterglow
{
    internal sealed class Spool
    {
        public const string Version = "0.1.0";

        private const int MostHeader = 262144; // FORMAT.md: a reader refuses longer ones
        private const int MostBody = 16777216;
        private const int MostName = 64;
        private const int Room = 1024; // for what describes the process
        private const int Frame = 128; // what a record's header has beside its fields
        private const int MostTries = 64; // names that an earlier process of the same id left behind
        private const int MostChecks = 4; // files looked for at the beginning of an invocation, so that its cost stays the same
        private const int DirectoryMode = 0x1c0; // 0700

        // What Lambda hides from an extension; FORMAT.md allows nothing else of the environment.
        private static readonly string[] Shown =
        {
            "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE", "_HANDLER"
        };

        public readonly int ProcessId = Libc.ProcessId;

        private readonly Settings settings;
        private readonly object gate = new object();
        private readonly List<SpoolFile> files = new List<SpoolFile>(); // few: one for each invocation that runs
        private readonly Queue<SpoolFile> kept = new Queue<SpoolFile>(); // that the extension may not have collected yet
        private readonly Losses lost = new Losses();
        private string last = "none"; // the invocation that began last
        private long keptBytes, wall, ticks;
        private int number;
        private bool told;
        private Text process;
        private byte[] scratch;

        public Spool(Settings settings)
        {
            this.settings = settings;
            Anchor();
        }

        // Microseconds by a clock that does not step.
        public static long Ticks()
        {
            return (long)(Stopwatch.GetTimestamp() * (1e6 / Stopwatch.Frequency));
        }

        // Ties the monotonic clock to the wall clock. Done for each invocation: the machine sleeps in between.
        public void Anchor()
        {
            lock (gate)
            {
                wall = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / 10;
                ticks = Ticks();
            }
        }

        // Starts an invocation. alone: none else is running, so what goes on from ended ones is closed and renamed.
        public void Begin(string invocation, bool alone)
        {
            lock (gate)
            {
                if (alone)
                {
                    EndAll();
                }
                Prune();
                last = invocation;
                File(invocation); // now: what is written next may come from another thread
            }
        }

        private SpoolFile Find(string invocation)
        {
            foreach (var file in files)
            {
                if (file.Invocation == invocation)
                {
                    return file;
                }
            }
            return null;
        }

        private SpoolFile File(string invocation)
        {
            var file = Find(invocation);
            if (file == null && invocation != last)
            {
                file = Find(last); // an invocation that has ended: its file is the extension's
                invocation = last;
            }
            if (file != null || keptBytes >= settings.SpoolDirBytes)
            {
                return file;
            }
            file = Open(Named(invocation) ? invocation : "none");
            if (file != null)
            {
                file.Invocation = invocation;
                files.Add(file);
                process = process ?? Process();
                Append(file, "process", invocation, -1, process, null);
            }
            return file;
        }

        private static bool Named(string s)
        {
            foreach (var c in s)
            {
                if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-'))
                {
                    return false;
                }
            }
            return s.Length > 0 && s.Length <= MostName;
        }

        private SpoolFile Open(string invocation)
        {
            if (number == 0)
            {
                number = Highest();
            }
            var made = false;
            for (var tries = 0; tries < MostTries; tries++)
            {
                var stem = settings.SpoolDir + "/" + invocation + "." + ProcessId + "." + ++number;
                var file = SpoolFile.Make(stem, number, out var error);
                if (file != null)
                {
                    return file;
                }
                if (error == Libc.NoEntry && !made)
                {
                    made = true;
                    number--;
                    MakeDirectory();
                }
                else if (error != Libc.Exists)
                {
                    Refused(error);
                    return null;
                }
            }
            return null;
        }

        private void MakeDirectory()
        {
            var dir = settings.SpoolDir;
            for (var at = dir.IndexOf('/', 1); at > 0; at = dir.IndexOf('/', at + 1))
            {
                Libc.MakeDirectory(dir.Substring(0, at), DirectoryMode);
            }
            Libc.MakeDirectory(dir, DirectoryMode);
        }

        // Gives the highest number among the files that an earlier process of the same id left: after a reset they may not be
        // collected yet, and a rename would replace one that is done.
        private int Highest()
        {
            var highest = 0;
            if (!Directory.Exists(settings.SpoolDir))
            {
                return 0;
            }
            foreach (var path in Directory.GetFiles(settings.SpoolDir, "*." + ProcessId + ".*"))
            {
                var parts = path.Substring(path.LastIndexOf('/') + 1).Split('.');
                if (parts.Length == 4 && int.TryParse(parts[2], out var n) && n > highest)
                {
                    highest = n;
                }
            }
            return highest;
        }

        // Tells once that the spool is not to be had; every record that it costs is counted.
        private void Refused(int error)
        {
            if (!told)
            {
                Guard.Warn("the spool cannot be written (error " + error + "); this function is not recorded");
            }
            told = true;
        }

        // Closes an invocation's file and renames it, which tells the extension that the invocation ended in this process.
        public void End(string invocation)
        {
            lock (gate)
            {
                var file = Find(invocation);
                if (file != null)
                {
                    files.Remove(file);
                    Close(file);
                }
            }
        }

        public void EndAll()
        {
            lock (gate)
            {
                foreach (var file in files)
                {
                    Close(file);
                }
                files.Clear();
            }
        }

        private void Close(SpoolFile file)
        {
            if (!file.Close() && file.Records > 0)
            {
                lost.Count("deleted", file.Records, file.Size);
            }
            kept.Enqueue(file);
            keptBytes += file.Size;
        }

        // Forgets files that the extension has collected. It looks at a few, and at others the next time, so that one which
        // stays for long does not hide the rest.
        private void Prune()
        {
            for (var i = Math.Min(MostChecks, kept.Count); i > 0; i--)
            {
                var file = kept.Dequeue();
                if (file.IsKept)
                {
                    kept.Enqueue(file);
                }
                else
                {
                    keptBytes -= file.Size;
                }
            }
        }

        // Appends a record. fields is the rest of its header, starting with a comma unless it is empty; at is when it happened
        // if that was not now. Gives the reason if it could not be written.
        public string Write(string kind, string invocation, Text fields, Part[] parts, long at = -1)
        {
            lock (gate)
            {
                var about = fields.Length + Total(parts);
                var file = File(invocation);
                if (file == null)
                {
                    return Lost(kind, keptBytes >= settings.SpoolDirBytes ? "spool-full" : "write-failed", about);
                }
                // The end of a call whose start was written is written always: without it the call would be taken for one that was waited for. It is small.
                if (kind == "call.start" && file.Size + about > settings.SpoolInvocationBytes)
                {
                    return Lost(kind, "invocation-full", about);
                }
                return Append(file, kind, invocation, at, fields, parts);
            }
        }

        // Counts a record that is not written, unless it is a loss: that stays counted.
        private string Lost(string kind, string reason, long size)
        {
            if (kind != "loss")
            {
                lost.Count(reason, 1, size);
            }
            return reason;
        }

        private string Append(SpoolFile file, string kind, string invocation, long at, Text fields, Part[] parts)
        {
            var header = new Text(fields.Length + 2 * Frame);
            header.Raw("{\"kind\":\"").Raw(kind).Raw("\",\"inv\":").Quoted(invocation).Field("t", wall + ((at < 0 ? Ticks() : at) - ticks));
            header.Raw(fields.Bytes, 0, fields.Length);
            for (var i = 0; parts != null && i < parts.Length; i++)
            {
                header.Raw(i == 0 ? ",\"parts\":[" : ",");
                parts[i].Describe(header);
            }
            header.Raw(parts == null || parts.Length == 0 ? "}" : "]}");
            var body = Total(parts);
            if (header.Length > MostHeader || body > MostBody)
            {
                return Lost(kind, "too-large", header.Length + body);
            }
            return file.Append(header, parts, (int)body, ref scratch) ? null : Lost(kind, "write-failed", header.Length + body);
        }

        private static long Total(Part[] parts)
        {
            long n = 0;
            for (var i = 0; parts != null && i < parts.Length; i++)
            {
                n += parts[i].Length;
            }
            return n;
        }

        // Counts what was not recorded.
        public void Lose(string reason, long records, long size)
        {
            lock (gate)
            {
                lost.Count(reason, records, size);
            }
        }

        // Writes down what was counted. What cannot be written stays counted, and is said.
        public void TellLosses(string invocation)
        {
            lock (gate)
            {
                for (var i = 0; i < lost.Untold.Count && Find(invocation) != null; i++)
                {
                    var loss = lost.Untold[i];
                    var fields = new Text(Frame).Field("reason", loss.Reason).Field("records", loss.Records).Field("bytes", loss.Size);
                    if (Write("loss", invocation, fields, null) == null)
                    {
                        lost.Untold.RemoveAt(i--);
                    }
                }
                lost.Complain();
            }
        }

        private Text Process()
        {
            var text = new Text(Room).Raw(",\"process\":{\"pid\":").Number(ProcessId).Field("ppid", Libc.ParentId)
                .Field("runtime", "dotnet").Field("version", Environment.Version.ToString()).Field("hook", Version).Raw(",\"env\":{");
            var first = true;
            foreach (var name in Shown)
            {
                var value = Environment.GetEnvironmentVariable(name);
                if (value != null)
                {
                    text.Raw(first ? "" : ",").Quoted(name).Raw(":").Quoted(value);
                    first = false;
                }
            }
            return text.Raw("}}");
        }
    }
}
