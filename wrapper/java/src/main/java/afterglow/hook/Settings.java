package afterglow.hook;

/** The settings that the hook needs; their meaning and bounds are settings/table.go's. */
public final class Settings {
    public final String spoolDir;
    public final long spoolDirBytes;
    public final long spoolInvocationBytes;
    public final int bodyBytes;
    public final int eventBytes;
    public final int headerBytes;
    final Propagation propagation; // null: no request gets a traceparent
    private final Guard guard;

    Settings(Guard guard) {
        this(guard, null);
    }

    /** With a directory that is not the environment's. */
    Settings(Guard guard, String dir) {
        this.guard = guard;
        String level = value("AFTERGLOW_LOG_LEVEL").toLowerCase(java.util.Locale.ROOT);
        if (!level.isEmpty() && !guard.level(level)) {
            guard.warn("AFTERGLOW_LOG_LEVEL is not one of debug, info, warn, error, off; warn is used");
        }
        spoolDir = dir == null ? path("AFTERGLOW_SPOOL_DIR", "/tmp/afterglow") : dir;
        spoolDirBytes = bytes("AFTERGLOW_SPOOL_DIR_BYTES", 67108864, 1L << 20, 1L << 33);
        spoolInvocationBytes = bytes("AFTERGLOW_SPOOL_INVOCATION_BYTES", 16777216, 1 << 16, 1 << 30);
        bodyBytes = (int) bytes("AFTERGLOW_CAPTURE_BODY_BYTES", 32768, 0, 1 << 20);
        eventBytes = (int) bytes("AFTERGLOW_CAPTURE_EVENT_BYTES", 65536, 0, 1 << 20);
        headerBytes = (int) bytes("AFTERGLOW_CAPTURE_HEADER_BYTES", 16384, 0, 1 << 16);
        String domains = value("AFTERGLOW_PROPAGATION_DOMAINS");
        propagation = domains.isEmpty() ? null : Propagation.to(domains);
    }

    private static String value(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value.trim();
    }

    private String path(String name, String preset) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            return preset;
        }
        if (value.startsWith("/") && value.indexOf('\0') < 0) {
            return value;
        }
        guard.warn(name + " is not an absolute path; " + preset + " is used");
        return preset;
    }

    private long bytes(String name, long preset, long least, long most) {
        String value = value(name);
        if (value.isEmpty()) {
            return preset;
        }
        try {
            long n = Long.parseLong(value);
            if (n >= least && n <= most) {
                return n;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        guard.warn(name + " is not a whole number from " + least + " to " + most + "; " + preset + " is used");
        return preset;
    }
}
