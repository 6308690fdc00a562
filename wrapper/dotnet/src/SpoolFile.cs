// One file of the spool: its head, its records, its name while it is open and when it is done.

using System;
using System.IO;

namespace Afterglow
{
    internal sealed class SpoolFile
    {
        private const string Head = "afterglow-spool 1 ";
        private const int Scratch = 16384; // a call with small bodies fits; grows to what a larger record needs
        private const int Frame = 128; // a file's head, a record's mark and length, line ends
        private const int FileMode = 0x180; // 0600

        public string Invocation;
        public long Size { get; private set; }
        public int Records { get; private set; } = -1; // the first one is the process' description

        private readonly string stem, mark;
        private readonly int descriptor, known; // by its mark

        private SpoolFile(string stem, int number, int descriptor)
        {
            this.stem = stem;
            this.descriptor = descriptor;
            known = Libc.Mark(descriptor, number);
            mark = Guid.NewGuid().ToString("n").Substring(16);
        }

        // Makes a file that was not there; null, with the system's error, if that fails.
        public static SpoolFile Make(string stem, int number, out int error)
        {
            var descriptor = Libc.Open(stem + ".open", Libc.Append | Libc.CloseOnExec | Libc.Create | Libc.Exclusive | Libc.WriteOnly, FileMode);
            error = descriptor < 0 ? Libc.Error : 0;
            return descriptor < 0 ? null : new SpoolFile(stem, number, descriptor);
        }

        // Appends a record with one write; scratch is kept from one to the next. A short write is not repeated: the reader steps over its piece.
        public bool Append(Text header, Part[] parts, int body, ref byte[] scratch)
        {
            var most = header.Length + body + Frame;
            if (scratch == null || scratch.Length < most)
            {
                scratch = new byte[most + Scratch];
            }
            var record = new Text(0) { Bytes = scratch };
            if (Size == 0)
            {
                record.Raw(Head).Raw(mark).Raw("\n");
            }
            record.Raw("@").Raw(mark).Raw(" ").Number(body).Raw(" ").Raw(header.Bytes, 0, header.Length).Raw("\n");
            for (var i = 0; parts != null && i < parts.Length; i++)
            {
                record.Raw(parts[i].Data, parts[i].From, parts[i].Length);
            }
            record.Raw("\n");
            if (!Libc.IsMarked(descriptor, known) || !Libc.Write(descriptor, record.Bytes, record.Length))
            {
                return false;
            }
            Size += record.Length;
            Records++;
            return true;
        }

        // Closes and renames it, which tells the extension that the invocation ended in this process. False if it was deleted under our hands:
        // then the extension falls back on the platform's word.
        public bool Close()
        {
            var there = Libc.Rename(stem + ".open", stem + ".done");
            var error = there ? 0 : Libc.Error;
            if (Libc.IsMarked(descriptor, known))
            {
                Libc.Close(descriptor);
            }
            return error != Libc.NoEntry && error != Libc.NotDirectory;
        }

        // Tells whether the extension has not collected it yet.
        public bool IsKept => File.Exists(stem + ".done");
    }
}
