// The system calls that the spool is made with. .NET's own files can neither be opened with O_APPEND and O_EXCL together nor
// with a mode, and they lock.

using System;
using System.Runtime.InteropServices;

namespace Afterglow
{
    internal static class Libc
    {
        // Linux' values, which are the same on x86-64 and arm64.
        public const int WriteOnly = 1;
        public const int Create = 0x40;
        public const int Exclusive = 0x80;
        public const int Append = 0x400;
        public const int CloseOnExec = 0x80000;

        public const int NoEntry = 2;
        public const int Exists = 17;
        public const int NotDirectory = 20;

        private const int SetSignal = 10, GetSignal = 11; // of fcntl
        private const int FirstSignal = 35, Signals = 30; // above those that anybody uses by name

        public static int Error => Marshal.GetLastWin32Error();

        // Opens a file for one process' records; -1 if that fails.
        public static int Open(string path, int flags, int mode)
        {
            return open(Path(path), flags, mode);
        }

        // Writes once, and tells whether all of it was taken.
        public static bool Write(int descriptor, byte[] bytes, int count)
        {
            return (long)write(descriptor, bytes, (UIntPtr)count) == count;
        }

        public static bool Rename(string from, string to)
        {
            return rename(Path(from), Path(to)) == 0;
        }

        public static void MakeDirectory(string path, int mode)
        {
            mkdir(Path(path), mode);
        }

        // Marks the open description behind a descriptor, by the signal that it would send if it sent any: whoever gets its number later
        // has another description. Gives the mark; 0 if the system takes none.
        public static int Mark(int descriptor, int number)
        {
            var signal = FirstSignal + number % Signals;
            return fcntl(descriptor, SetSignal, (IntPtr)signal) == 0 ? signal : 0;
        }

        // Tells whether a descriptor is still the one that was marked: the function may have closed it, and been given the number for
        // something of its own.
        public static bool IsMarked(int descriptor, int mark)
        {
            return mark == 0 || fcntl(descriptor, GetSignal, IntPtr.Zero) == mark;
        }

        public static void Close(int descriptor)
        {
            close(descriptor);
        }

        public static int ProcessId => getpid();

        public static int ParentId => getppid();

        private static byte[] Path(string path)
        {
            return System.Text.Encoding.UTF8.GetBytes(path + "\0");
        }

        [DllImport("libc", SetLastError = true)]
        private static extern int open(byte[] path, int flags, int mode);

        [DllImport("libc", SetLastError = true)]
        private static extern IntPtr write(int descriptor, byte[] bytes, UIntPtr count);

        [DllImport("libc", SetLastError = true)]
        private static extern int rename(byte[] from, byte[] to);

        [DllImport("libc", SetLastError = true)]
        private static extern int mkdir(byte[] path, int mode);

        [DllImport("libc")]
        private static extern int fcntl(int descriptor, int command, IntPtr argument);

        [DllImport("libc")]
        private static extern int close(int descriptor);

        [DllImport("libc")]
        private static extern int getpid();

        [DllImport("libc")]
        private static extern int getppid();
    }
}
