package afterglow.hook;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The writer of spool files, as spool/FORMAT.md has them: one file for each invocation, one write(2) for each record.
 *
 * <p>It takes records as JSON text and pieces of body, from any thread, and gives them to the extension. It promises to throw nothing
 * that the file system does to it: what could not be written is counted and told with the next record that can be.
 */
public final class Spool {
    static final String VERSION = "0.1.0";

    private static final int MOST_HEADER = 262144; // FORMAT.md: a reader refuses longer ones
    private static final int MOST_BODY = 16777216;
    private static final int MOST_NAME = 64;
    private static final int MARK_BYTES = 8;
    private static final int MARKS = 64; // drawn at once: one read of the random device lasts for as many files
    private static final int ROOM = 1024; // for the fields of a call
    private static final int MOST_ROOM = 65536; // that is kept for the next one
    private static final int MOST_TRIES = 64; // names that an earlier process of the same id left behind
    private static final int MOST_CHECKS = 4; // files looked for at the beginning of an invocation, so that its cost stays the same

    /** What Lambda hides from an extension; FORMAT.md allows nothing else of the environment. */
    private static final String[] ENVIRONMENT = {
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE", "_HANDLER",
    };

    /** A file that the extension may not have collected yet. */
    private static final class Kept {
        final File path;
        final long bytes;

        Kept(File path, long bytes) {
            this.path = path;
            this.bytes = bytes;
        }
    }

    private final Settings settings;
    private final Guard guard;
    private final String dir;
    private final long pid;
    private final long ppid;
    private final Map<String, SpoolFile> files = new HashMap<>();
    private final Map<String, long[]> lost = new HashMap<>(); // by reason: records and bytes that were not told yet
    private final ArrayDeque<Kept> kept = new ArrayDeque<>();
    private final byte[] random = new byte[MARK_BYTES * MARKS];
    private String last = "none"; // the invocation that began last
    private long keptBytes;
    private long complained;
    private int drawn = MARKS;
    private int number;
    private boolean told;
    private long wall;
    private long ticks;
    private Text process;
    private final Text header = new Text(ROOM);
    private final SpoolFile.Desk desk = new SpoolFile.Desk();
    private final AtomicReference<Text> spare = new AtomicReference<>();

    public Spool(Settings settings, Guard guard) {
        this.settings = settings;
        this.guard = guard;
        dir = settings.spoolDir;
        long[] ids = Inside.processIds();
        pid = ids[0];
        ppid = ids[1];
        anchor();
    }

    public long pid() {
        return pid;
    }

    public static long ticks() {
        return System.nanoTime() / 1000;
    }

    /** Ties the monotonic clock to the wall clock. Done for each invocation: the machine sleeps in between. */
    synchronized void anchor() {
        wall = System.currentTimeMillis() * 1000;
        ticks = ticks();
    }

    /** Starts an invocation. alone: none else is running, so what goes on from ended ones is closed and renamed. */
    synchronized void begin(String invocation, boolean alone) {
        if (alone) {
            endAll();
        }
        prune();
        last = invocation;
        file(invocation); // now: what is written next may come from somebody else's thread
    }

    /** Lets go of what a snapshot must not carry into each of its copies: marks that were drawn, numbers and times. */
    synchronized void restored() {
        drawn = MARKS;
        process = null;
        anchor();
    }

    private SpoolFile file(String invocation) {
        SpoolFile file = files.get(invocation);
        if (file == null && !invocation.equals(last)) {
            file = files.get(last); // an invocation that has ended: its file is the extension's
            invocation = last;
        }
        if (file != null || keptBytes >= settings.spoolDirBytes) {
            return file;
        }
        file = open(named(invocation) ? invocation : "none");
        if (file != null) {
            files.put(invocation, file);
            if (process == null) {
                process = describeProcess();
            }
            append(file, "process", invocation, process, null);
        }
        return file;
    }

    private static boolean named(String s) {
        int n = s.length();
        for (int i = 0; i < n; i++) {
            char c = s.charAt(i);
            if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-')) {
                return false;
            }
        }
        return n > 0 && n <= MOST_NAME;
    }

    private SpoolFile open(String invocation) {
        if (number == 0) {
            number = highest();
        }
        boolean made = false;
        for (int tries = 0; tries < MOST_TRIES; tries++) {
            String stem = dir + '/' + invocation + '.' + pid + '.' + ++number;
            try {
                return new SpoolFile(stem, mark());
            } catch (FileAlreadyExistsException e) {
                continue;
            } catch (NoSuchFileException e) {
                if (made) {
                    return refused(e);
                }
                made = true;
                number--;
                makeDir(new File(dir));
            } catch (IOException | RuntimeException e) {
                return refused(e);
            }
        }
        return null;
    }

    private static final FileAttribute<?> DIR_MODE = PosixFilePermissions.asFileAttribute(
        EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE));

    private static void makeDir(File path) {
        File parent = path.getParentFile();
        if (parent != null && !parent.exists()) {
            makeDir(parent);
        }
        try {
            java.nio.file.Files.createDirectory(path.toPath(), DIR_MODE);
        } catch (IOException | RuntimeException e) {
            // it is there, or the attempt to open a file in it tells what is wrong
        }
    }

    /**
     * Gives the highest number among the files that an earlier process of the same id left: after a reset they may not be collected yet,
     * and a rename would replace one that is done.
     */
    private int highest() {
        int highest = 0;
        String[] names = new File(dir).list();
        String ours = "." + pid + ".";
        for (int i = 0; names != null && i < names.length; i++) {
            int at = names[i].indexOf(ours);
            int end = names[i].lastIndexOf('.');
            if (at > 0 && end > at + ours.length() - 1 && end - at - ours.length() < 10) {
                try {
                    highest = Math.max(highest, Integer.parseInt(names[i].substring(at + ours.length(), end)));
                } catch (NumberFormatException e) {
                    // not a file of this process'
                }
            }
        }
        return highest;
    }

    /** Tells once that the spool is not to be had; every record that it costs is counted. */
    private SpoolFile refused(Exception e) {
        if (!told) {
            guard.warn("the spool cannot be written (" + e.getClass().getSimpleName() + "); this function is not recorded");
        }
        told = true;
        return null;
    }

    private byte[] mark() {
        if (drawn == MARKS) {
            draw();
            drawn = 0;
        }
        byte[] mark = new byte[2 * MARK_BYTES];
        for (int i = 0; i < MARK_BYTES; i++) {
            int b = random[drawn * MARK_BYTES + i];
            mark[2 * i] = (byte) Character.forDigit(b >> 4 & 15, 16);
            mark[2 * i + 1] = (byte) Character.forDigit(b & 15, 16);
        }
        drawn++;
        return mark;
    }

    private void draw() {
        try (FileInputStream device = new FileInputStream("/dev/urandom")) { // SecureRandom costs 20 ms to load
            if (device.read(random) == random.length) {
                return;
            }
        } catch (IOException e) {
            // out of descriptors: below
        }
        new java.util.Random(System.nanoTime() ^ System.identityHashCode(this)).nextBytes(random);
    }

    /** Closes an invocation's file and renames it, which tells the extension that the invocation ended in this process. */
    synchronized void end(String invocation) {
        SpoolFile file = files.remove(invocation);
        if (file != null) {
            close(file);
        }
    }

    synchronized void endAll() {
        for (SpoolFile file : files.values()) {
            close(file);
        }
        files.clear();
    }

    private void close(SpoolFile file) {
        File from = new File(file.stem + ".open");
        File to = new File(file.stem + ".done");
        if (!from.renameTo(to) && !from.exists() && file.records > 0) {
            lose("deleted", file.records, file.bytes); // under our hands: the extension falls back on the platform's word
        }
        file.close();
        kept.add(new Kept(to, file.bytes));
        keptBytes += file.bytes;
    }

    /**
     * Forgets files that the extension has collected. It looks at a few, and at others the next time, so that one which stays for long
     * does not hide the rest.
     */
    private void prune() {
        for (int i = Math.min(MOST_CHECKS, kept.size()); i > 0; i--) {
            Kept file = kept.poll();
            if (file.path.exists()) {
                kept.add(file);
            } else {
                keptBytes -= file.bytes;
            }
        }
    }

    /** Gives a text for the fields of a record; write takes it back. */
    Text text() {
        Text text = spare.getAndSet(null);
        return text == null ? new Text(ROOM) : text;
    }

    /**
     * Appends a record, and gives the reason why it was not written; null if it was. fields is the rest of its header, starting with a comma unless it is
     * empty. A vital one is written past the invocation's cap.
     */
    public synchronized String write(String kind, String invocation, Text fields, Part[] parts, boolean vital) {
        long about = fields.length + total(parts);
        SpoolFile file = file(invocation);
        String reason;
        if (file == null) {
            reason = keptBytes >= settings.spoolDirBytes ? "spool-full" : "write-failed";
        } else if (!vital && file.bytes + about > settings.spoolInvocationBytes) {
            reason = "invocation-full";
        } else {
            reason = append(file, kind, invocation, fields, parts);
        }
        if (reason != null && !kind.equals("loss")) { // a loss stays counted
            lose(reason, 1, about);
        }
        if (fields.bytes.length <= MOST_ROOM) {
            fields.length = 0;
            spare.set(fields);
        }
        return reason;
    }

    /** Tells whether so many bytes more are past the invocation's cap. */
    synchronized boolean isFull(String invocation, long bytes) {
        SpoolFile file = files.get(files.containsKey(invocation) ? invocation : last);
        return file != null && file.bytes + bytes > settings.spoolInvocationBytes;
    }

    private String append(SpoolFile file, String kind, String invocation, Text fields, Part[] parts) {
        long body = total(parts);
        int from = file.frame(header, body);
        header.raw("{\"kind\":\"").raw(kind).raw("\",\"inv\":").quoted(invocation).field("t", wall + (ticks() - ticks));
        header.raw(fields.bytes, 0, fields.length);
        for (int i = 0; parts != null && i < parts.length; i++) {
            header.raw(i == 0 ? ",\"parts\":[" : ",");
            parts[i].describe(header);
        }
        header.raw(parts == null || parts.length == 0 ? "}" : "]}");
        if (header.length - from > MOST_HEADER || body > MOST_BODY) {
            return "too-large";
        }
        header.raw('\n');
        if (!file.put(desk, header, parts, (int) body)) {
            return "write-failed";
        }
        file.records++;
        return null;
    }

    static long total(Part[] parts) {
        long n = 0;
        for (int i = 0; parts != null && i < parts.length; i++) {
            n += parts[i].length;
        }
        return n;
    }

    /** Counts what was not recorded. */
    public synchronized void lose(String reason, long records, long bytes) {
        long[] loss = lost.get(reason);
        if (loss == null) {
            loss = new long[2];
            lost.put(reason, loss);
        }
        loss[0] += records;
        loss[1] += bytes;
    }

    /** Writes down what was counted. What cannot be written stays counted. */
    synchronized void tellLosses(String invocation) {
        if (!lost.isEmpty() && files.containsKey(invocation)) {
            for (String reason : lost.keySet().toArray(new String[0])) {
                long[] loss = lost.remove(reason);
                Text fields = text().field("reason", reason).field("records", loss[0]).field("bytes", loss[1]);
                if (write("loss", invocation, fields, null, true) != null) {
                    lose(reason, loss[0], loss[1]);
                }
            }
        }
        complain();
    }

    /** Says how many records are lost of which the extension could not be told, and again when they are twice as many. If the spool stays as it is, nobody else will. */
    private void complain() {
        long records = 0;
        for (long[] loss : lost.values()) {
            records += loss[0];
        }
        if (records > 0 && records < 2 * complained) {
            return;
        }
        if (records > 0) {
            guard.warn("records lost so far: " + records + "; the spool cannot be written");
        }
        complained = records;
    }

    private Text describeProcess() {
        Text text = new Text(ROOM);
        text.raw(",\"process\":{\"pid\":").number(pid).field("ppid", ppid).field("runtime", "java")
            .field("version", System.getProperty("java.version", "")).field("hook", VERSION).raw(",\"env\":{");
        boolean first = true;
        for (String name : ENVIRONMENT) {
            String value = System.getenv(name);
            if (value != null) {
                text.raw(first ? "\"" : ",\"").raw(name).raw("\":").quoted(value);
                first = false;
            }
        }
        return text.raw("}}");
    }
}
