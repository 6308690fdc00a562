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
    private static final int FRAME = 128; // a file's head, a record's mark and length, line ends
    private static final int ROOM = 65536; // a call with two full bodies fits; grows to what a larger record needs

    private static final Set<OpenOption> OPTIONS = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
    private static final FileAttribute<?> MODE =
        PosixFilePermissions.asFileAttribute(EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE));

    /** Where records are put together, for one file after the other. */
    static final class Desk {
        private final Text digits = new Text(16);
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

    /** Appends a record; false if not all of it was written. A short one is not repeated: the reader steps over its piece. */
    boolean put(Desk desk, Text header, Part[] parts, int body) {
        boolean apart = false;
        for (int i = 0; parts != null && i < parts.length; i++) {
            apart |= parts[i].large != null;
        }
        ByteBuffer b = desk.clear(header.length + FRAME + (apart ? 0 : body));
        if (bytes == 0) {
            b.put(HEAD).put(mark).put((byte) '\n');
        }
        b.put((byte) '@').put(mark).put((byte) ' ');
        desk.digits.length = 0;
        desk.digits.number(body);
        b.put(desk.digits.bytes, 0, desk.digits.length).put((byte) ' ').put(header.bytes, 0, header.length).put((byte) '\n');
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
