package afterglow.hook;

import java.io.FileInputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import jdk.internal.misc.Unsafe;

/**
 * What needs the JDK's inside: {@link Start} has opened it to this package. It is compiled against Java 17 and looks no further than what
 * Java 11 to 25 have alike; where they differ, the caller's guard tells.
 */
public final class Inside {
    private static final Unsafe UNSAFE = Unsafe.getUnsafe();

    private static final long VALUE = optional("value");
    private static final long CODER = optional("coder");

    private static boolean before12;

    private Inside() {}

    /** Defines a class of the boot loader's, which every other loader sees and every module of the JDK's reads. */
    static void boot(String name, byte[] bytes) {
        UNSAFE.defineClass(name, bytes, 0, bytes.length, null, null);
    }

    /** Gives the place of a field, which need not be accessible. Fails if there is none of the name. */
    public static long field(Class<?> of, String name) {
        return UNSAFE.objectFieldOffset(of, name);
    }

    @SuppressWarnings("removal")
    public static Object read(Object object, long field) {
        if (!before12) {
            try {
                return UNSAFE.getReferenceVolatile(object, field);
            } catch (NoSuchMethodError e) {
                before12 = true; // where it has another name
            }
        }
        return UNSAFE.getObjectVolatile(object, field);
    }

    @SuppressWarnings("removal")
    static void write(Object object, long field, Object value) {
        if (!before12) {
            try {
                UNSAFE.putReferenceVolatile(object, field, value);
                return;
            } catch (NoSuchMethodError e) {
                before12 = true;
            }
        }
        UNSAFE.putObjectVolatile(object, field, value);
    }

    private static long optional(String fieldOfString) {
        try {
            return field(String.class, fieldOfString);
        } catch (InternalError e) { // a Java to come
            return -1;
        }
    }

    /** Gives the bytes that a string is kept in, which nobody may change; null if they are not one for each character, or not to be had. */
    static byte[] latin1(String s) {
        return CODER < 0 || VALUE < 0 || UNSAFE.getByte(s, CODER) != 0 ? null : (byte[]) read(s, VALUE);
    }

    public static int readInt(Object object, long field) {
        return UNSAFE.getInt(object, field);
    }

    /** Gives eight bytes at once, in the machine's order. */
    static long eight(byte[] bytes, int at) {
        return UNSAFE.getLongUnaligned(bytes, Arrays.BASE + at);
    }

    /** Where bytes of an array begin: an int or a long, as the version has it. Asked for when it is needed first. */
    private static final class Arrays {
        static final long BASE = base();

        private static long base() {
            try {
                return Unsafe.class.getField("ARRAY_BYTE_BASE_OFFSET").getLong(null);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    static long readLong(Object object, long field) {
        return UNSAFE.getLong(object, field);
    }

    /** An error's message as it was given, without asking a class that may have its own idea of it. */
    static String message(Throwable error) {
        return (String) read(error, field(Throwable.class, "detailMessage"));
    }

    /** A thread that is interrupted while it writes would close the channel. This one is not to be closed. */
    static void uninterruptible(FileChannel channel) {
        if (channel instanceof sun.nio.ch.FileChannelImpl) {
            ((sun.nio.ch.FileChannelImpl) channel).setUninterruptible();
        }
    }

    /** The ids of this process and its parent. ProcessHandle would start a thread pool for as much. */
    static long[] processIds() {
        try (FileInputStream stat = new FileInputStream("/proc/self/stat")) {
            byte[] line = new byte[512];
            int n = stat.read(line);
            String text = new String(line, 0, Math.max(n, 0), StandardCharsets.ISO_8859_1);
            String rest = text.substring(text.lastIndexOf(')') + 4); // behind the name, which may hold anything, and the state
            return new long[] {Long.parseLong(text.substring(0, text.indexOf(' '))), Long.parseLong(rest.substring(0, rest.indexOf(' ')))};
        } catch (Exception e) { // not Linux
            return new long[] {ProcessHandle.current().pid(), 0};
        }
    }
}
