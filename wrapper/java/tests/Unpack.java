import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipFile;

/** Takes the jar's hidden classes apart, for tests that look at them one by one: Unpack JAR INTO. */
public final class Unpack {
    private Unpack() {}

    public static void main(String[] args) throws IOException {
        try (ZipFile jar = new ZipFile(args[0]); InputStream file = jar.getInputStream(jar.getEntry("afterglow/classes"))) {
            DataInputStream in = new DataInputStream(file);
            for (int n = in.readUnsignedShort(); n > 0; n--) {
                Path path = Path.of(args[1], in.readUTF().replace('.', '/') + ".class");
                Files.createDirectories(path.getParent());
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                Files.write(path, bytes);
            }
        }
    }
}
