import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Takes the file of hidden classes apart, for tests that look at them one by one: Unpack FILE INTO. */
public final class Unpack {
    private Unpack() {}

    public static void main(String[] args) throws IOException {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(Files.readAllBytes(Path.of(args[0]))))) {
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
