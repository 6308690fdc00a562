package afterglow.hook;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Writes the records of the spool's vectors with the hook's own writer, for Go's reader to compare: Vectors MANIFEST DIRECTORY. */
final class Vectors {
    private Vectors() {}

    @SuppressWarnings("unchecked")
    public static void main(String[] args) throws Exception {
        for (Object vector : (List<Object>) Plain.read(Files.readString(Path.of(args[0])))) {
            Map<String, Object> v = (Map<String, Object>) vector;
            Spool spool = new Spool(new Settings(new Guard(), args[1] + "/" + v.get("name")), new Guard());
            spool.begin("vector", true);
            for (Object record : (List<Object>) v.getOrDefault("records", List.of())) {
                write(spool, (Map<String, Object>) record);
            }
            spool.endAll();
        }
    }

    @SuppressWarnings("unchecked")
    private static void write(Spool spool, Map<String, Object> record) {
        Map<String, Object> header = (Map<String, Object>) record.get("header");
        Text fields = new Text(64);
        Part[] parts = null;
        for (Map.Entry<String, Object> field : header.entrySet()) {
            if (field.getKey().equals("parts")) {
                parts = parts((List<Object>) field.getValue(), Base64.getDecoder().decode((String) record.getOrDefault("body", "")));
            } else if (!List.of("kind", "inv", "t").contains(field.getKey())) {
                Plain.write(fields.raw(',').quoted(field.getKey()).raw(':'), field.getValue());
            }
        }
        spool.write((String) header.get("kind"), (String) header.get("inv"), fields, parts, false);
    }

    @SuppressWarnings("unchecked")
    private static Part[] parts(List<Object> described, byte[] body) {
        Part[] parts = new Part[described.size()];
        int at = 0;
        for (int i = 0; i < parts.length; i++) {
            Map<String, Object> p = (Map<String, Object>) described.get(i);
            int length = Integer.parseInt(p.get("len").toString());
            long size = p.containsKey("size") ? Long.parseLong(p.get("size").toString()) : -1;
            parts[i] = new Part((String) p.get("of"), Arrays.copyOfRange(body, at, at + length), length, size, p.containsKey("truncated"), p.containsKey("shortened"));
            at += length;
        }
        return parts;
    }
}
