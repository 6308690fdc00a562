package afterglow.hook;

import afterglow.boot.Bridge;
import afterglow.boot.Probe;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * What happens when something of the hook's fails. {@link Bridge} catches it; here it is told, once, without a word of what was being
 * recorded, and a hook that keeps failing is switched off.
 */
public final class Guard extends Probe {
    /** Past this many failures the cause will not go away, and what is recorded would mislead. */
    private static final int MOST_FAILURES = 8;

    private static final String[] LEVELS = {"debug", "info", "warn", "error", "off"};

    private int failures;
    private int shown = 2;

    /** Sets the least level that is shown; false if there is no such level. */
    boolean level(String name) {
        for (int i = 0; i < LEVELS.length; i++) {
            if (LEVELS[i].equals(name)) {
                shown = i;
                return true;
            }
        }
        return false;
    }

    public void warn(String text) {
        say(2, text);
    }

    /** Writes one line into the function's log, not through System.err, which may be the function's own. Never anything of a request. */
    private void say(int level, String text) {
        if (level < shown) {
            return;
        }
        try {
            byte[] line = ("afterglow: java: " + text + "\n").getBytes(StandardCharsets.UTF_8);
            new FileOutputStream(FileDescriptor.err).write(line); // never closed: the descriptor is the process'
        } catch (Throwable e) {
            // A closed stderr is not ours to mend.
        }
    }

    @Override
    public synchronized void failed(Throwable error) {
        failures++;
        if (failures == 1) {
            say(2, "the hook failed (" + describe(error) + "); the function goes on without what it missed");
        }
        if (failures == MOST_FAILURES) {
            Bridge.probes = new Probe[0];
            say(2, "the hook failed " + failures + " times and is off in this process");
        }
    }

    /** Tells what went wrong without the message, which may quote what was being recorded. */
    static String describe(Throwable error) {
        StackTraceElement[] stack = error.getStackTrace();
        StringBuilder text = new StringBuilder(error.getClass().getName());
        for (int i = 0; i < stack.length; i++) {
            if (stack[i].getClassName().startsWith("afterglow.")) {
                return text.append(" at ").append(stack[i].getFileName()).append(':').append(stack[i].getLineNumber()).toString();
            }
        }
        return text.toString();
    }
}
