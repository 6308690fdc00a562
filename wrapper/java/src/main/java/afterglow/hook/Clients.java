package afterglow.hook;

import afterglow.Loader;

/**
 * The loader of the probes for one library: they see the library's classes as the function does, and the hook's, and nobody sees them.
 */
final class Clients extends ClassLoader {
    private static final String OURS = "afterglow.";

    private final Loader hook;

    Clients(ClassLoader library, Loader hook) {
        super(library);
        this.hook = hook;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            if (known != null) {
                return known;
            }
            byte[] bytes = name.startsWith("afterglow.clients.") ? hook.copy(name) : null;
            return bytes == null ? hook.loadClass(name) : defineClass(name, bytes, 0, bytes.length);
        }
    }
}
