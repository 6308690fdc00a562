package afterglow.hook;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.OpenOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/** A file of the spool that is being written: one write(2) for each record, from memory that the kernel can take it from. */
final class SpoolFile {
    private static final byte[] HEAD = "afterglow-spool 1 ".getBytes(StandardCharsets.ISO_8859_1);
    private static final int ROOM = 65536; // a call with two full bodies fits; grows to what a larger record needs

    private static final Set<OpenOption> OPTIONS = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
    private static final FileAttribute<?> MODE =
        PosixFilePermissions.asFileAttribute(EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE));

    /** Where records are put together, for one file after the other. */
    static final class Desk {
        private final ByteBuffer end = outside(1).put(0, (byte) '\n');
        private ByteBuffer room;

        private ByteBuffer clear(int bytes) {
            if (room == null || room.capacity() < bytes) {
                room = outside(Math.max(bytes, ROOM));
            }
            room.clear();
            return room;
        }
    }

    /** Gives memory outside the heap; where the function has used up what there may be of it, on the heap. */
    static ByteBuffer outside(int bytes) {
        try {
            return ByteBuffer.allocateDirect(bytes);
        } catch (OutOfMemoryError e) {
            return ByteBuffer.allocate(bytes);
        }
    }

    final String stem;
    long bytes;
    int records = -1; // the first one is the process' description
    private final FileChannel channel;
    private final byte[] mark;

    /** Makes the file. Java never passes a descriptor on to a child. */
    SpoolFile(String stem, byte[] mark) throws IOException {
        this.stem = stem;
        this.mark = mark;
        channel = FileChannel.open(new File(stem + ".open").toPath(), OPTIONS, MODE);
        Inside.uninterruptible(channel);
    }

    /** Begins a record with what stands before its header, and gives how much that is. */
    int frame(Text text, long body) {
        text.length = 0;
        if (bytes == 0) {
            text.raw(HEAD, 0, HEAD.length).raw(mark, 0, mark.length).raw('\n');
        }
        text.raw('@').raw(mark, 0, mark.length).raw(' ').number(body).raw(' ');
        return text.length;
    }

    /**
     * Appends a record, with all that stands before its body; false if not all of it was written. A short one is not repeated: the reader steps over its
     * piece.
     */
    boolean put(Desk desk, Text head, Part[] parts, int body) {
        boolean apart = false;
        for (int i = 0; parts != null && i < parts.length; i++) {
            apart |= parts[i].large != null;
        }
        ByteBuffer b = desk.clear(head.length + 1 + (apart ? 0 : body)).put(head.bytes, 0, head.length);
        try {
            return apart ? gather(desk, b, parts) : together(b, parts);
        } catch (IOException | RuntimeException e) {
            return false;
        }
    }

    private boolean together(ByteBuffer b, Part[] parts) throws IOException {
        for (int i = 0; parts != null && i < parts.length; i++) {
            b.put(parts[i].data, 0, parts[i].length);
        }
        b.put((byte) '\n').flip();
        int n = b.limit();
        boolean whole = channel.write(b) == n;
        bytes += n;
        return whole;
    }

    /** Writes a record with a large piece from where its pieces are. */
    private boolean gather(Desk desk, ByteBuffer b, Part[] parts) throws IOException {
        ByteBuffer[] pieces = new ByteBuffer[parts.length + 2];
        pieces[0] = b.flip();
        long n = b.limit() + 1;
        for (int i = 0; i < parts.length; i++) {
            pieces[i + 1] = parts[i].large == null ? ByteBuffer.wrap(parts[i].data, 0, parts[i].length) : parts[i].large.duplicate().position(0).limit(parts[i].length);
            n += parts[i].length;
        }
        pieces[parts.length + 1] = desk.end.duplicate();
        boolean whole = channel.write(pieces) == n;
        bytes += n;
        return whole;
    }

    void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // nothing to be done
        }
    }
}
