import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Lays out the jar: two classes as they are, all others in the file "classes" as Loader reads it. Run by Maven: Pack CLASSES INTO. */
public final class Pack {
    private static final List<String> VISIBLE = List.of("afterglow.Agent", "afterglow.Loader");

    private Pack() {}

    public static void main(String[] args) throws IOException {
        Path classes = Path.of(args[0]);
        Path into = Path.of(args[1], "afterglow");
        Files.createDirectories(into);
        List<Path> files;
        try (Stream<Path> all = Files.walk(classes)) {
            files = all.filter(f -> f.toString().endsWith(".class")).sorted().collect(Collectors.toList());
        }
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(packed);
        out.writeShort(files.size() - VISIBLE.size());
        for (Path file : files) {
            String path = classes.relativize(file).toString();
            String name = path.substring(0, path.length() - ".class".length()).replace('/', '.');
            byte[] bytes = Files.readAllBytes(file);
            if (VISIBLE.contains(name)) {
                Files.write(into.resolve(file.getFileName()), bytes);
                continue;
            }
            out.writeUTF(name);
            out.writeInt(bytes.length);
            out.write(bytes);
        }
        Files.write(into.resolve("classes"), packed.toByteArray());
    }
}
