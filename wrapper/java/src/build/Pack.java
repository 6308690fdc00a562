import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Lays out what ships: two classes for the jar, and all others in one file beside it, as Loader reads it. Run by Maven: Pack CLASSES INTO FILE. And once
 * more when the jar is there, Pack JAR, to write at its very end, as the comment that archives have there, that it is whole: exec-wrapper looks for that.
 */
public final class Pack {
    private static final List<String> VISIBLE = List.of("afterglow.Agent", "afterglow.Loader");

    private Pack() {}

    public static void main(String[] args) throws IOException {
        if (args.length == 1) {
            seal(Path.of(args[0]));
            return;
        }
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
        Files.write(Path.of(args[2]), packed.toByteArray());
    }

    private static void seal(Path jar) throws IOException {
        byte[] comment = "\nafterglow-agent is whole\n".getBytes(StandardCharsets.US_ASCII);
        byte[] bytes = Files.readAllBytes(jar);
        bytes[bytes.length - 2] = (byte) comment.length; // the last field of an archive: how long its comment is
        Files.write(jar, bytes);
        Files.write(jar, comment, StandardOpenOption.APPEND);
    }
}
