package afterglow;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/**
 * The loader of the hook's own classes. They come from one file beside the jar, so that nobody else finds them, and see nothing but the
 * JDK's, so that no class of the function's can take their place.
 */
public final class Loader extends ClassLoader {
    private final Map<String, byte[]> classes = new HashMap<>();

    /** Takes the file: a number of classes, and for each its name, length and bytes. */
    Loader(String file) throws IOException {
        super(null);
        byte[] all;
        try (FileInputStream in = new FileInputStream(file)) {
            all = in.readAllBytes();
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(all))) {
            for (int n = in.readUnsignedShort(); n > 0; n--) {
                String name = in.readUTF();
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                classes.put(name, bytes);
            }
        }
    }

    /** Gives a class that is to be defined elsewhere, and forgets it. */
    public byte[] take(String name) {
        return classes.remove(name);
    }

    /** Gives a class that several loaders define. */
    public byte[] copy(String name) {
        return classes.get(name);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        if (name.equals("afterglow.Loader")) {
            return Loader.class;
        }
        byte[] bytes = classes.remove(name);
        if (bytes == null) {
            throw new ClassNotFoundException(name);
        }
        return defineClass(name, bytes, 0, bytes.length);
    }
}
