package afterglow.hook;

import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/**
 * Edits every method of every class that it finds in the given jars and in the JDK, and has the virtual machine verify what comes
 * out: Edit [JAR]…. A class that cannot be linked without its library is edited only.
 */
final class Edit {
    private static int edited;
    private static int verified;
    private static int refused;
    private static int wrong;

    /** What no class that is looked at has. */
    private static final List<String> EXPECTED = List.of("instruction", "a method too long", "a jump too far", "a method that", "too many constants");

    private Edit() {}

    public static void main(String[] args) throws IOException {
        for (String arg : args) {
            edit(arg);
        }
        FileSystem jdk = FileSystems.getFileSystem(URI.create("jrt:/"));
        for (String module : List.of("java.base", "java.net.http", "java.logging")) {
            Path path = jdk.getPath("/modules/" + module);
            if (Files.exists(path)) {
                edit(path, module);
            }
        }
        System.out.println(edited + " edited, " + verified + " verified, " + refused + " refused, " + wrong + " wrong");
        System.exit(wrong == 0 ? 0 : 1);
    }

    private static void edit(String jar) throws IOException {
        Map<String, byte[]> classes = new HashMap<>();
        try (JarFile file = new JarFile(jar)) {
            for (JarEntry entry : Collections.list(file.entries())) {
                String name = entry.getName();
                if (name.endsWith(".class") && !name.startsWith("META-INF") && !name.endsWith("module-info.class")) {
                    put(classes, name, file.getInputStream(entry).readAllBytes());
                }
            }
        }
        verify(classes, "");
    }

    private static void put(Map<String, byte[]> classes, String path, byte[] in) {
        String name = path.substring(0, path.length() - ".class".length());
        byte[] out = tryEdit(name, in);
        if (out != null) {
            classes.put(name.replace('/', '.'), out);
        }
    }

    private static void edit(Path root, String module) throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> all = Files.walk(root)) {
            all.filter(f -> f.toString().endsWith(".class") && !f.toString().endsWith("module-info.class")).forEach(files::add);
        }
        Map<String, byte[]> classes = new HashMap<>();
        for (Path file : files) {
            put(classes, root.relativize(file).toString(), Files.readAllBytes(file));
        }
        verify(classes, module);
    }

    private static byte[] tryEdit(String name, byte[] in) {
        try {
            byte[] out = ClassFile.edit(in, new Points("1 ?EL <init>\n2 ?EL <clinit>\n3 ?ELF \n"), 64);
            edited++;
            return out;
        } catch (ClassFile.Unknown e) {
            refused++;
            if (EXPECTED.stream().noneMatch(e.getMessage()::startsWith)) {
                wrong++;
                System.out.println(name + ": " + e.getMessage());
            }
        } catch (RuntimeException e) {
            wrong++;
            System.out.println(name + ": " + e);
        }
        return null;
    }

    private static void verify(Map<String, byte[]> classes, String module) {
        ClassLoader loader = new ClassLoader(Edit.class.getClassLoader()) {
            @Override
            protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                synchronized (getClassLoadingLock(name)) {
                    Class<?> known = findLoadedClass(name);
                    byte[] bytes = classes.get(name);
                    if (known != null || bytes == null || name.startsWith("java.")) {
                        return known != null ? known : super.loadClass(name, resolve);
                    }
                    return defineClass(name, bytes, 0, bytes.length);
                }
            }
        };
        for (String name : classes.keySet()) {
            if (name.startsWith("java.")) { // cannot be defined by this loader; its siblings can
                continue;
            }
            try {
                Class.forName(name, false, loader).getDeclaredMethods(); // links, which verifies, and runs nothing of the class' own
                verified++;
            } catch (VerifyError | ClassFormatError e) {
                String text = String.valueOf(e.getMessage());
                if (text.contains("Bad type") && text.contains("not assignable") && !module.isEmpty()) {
                    continue; // two copies of one of the JDK's classes
                }
                wrong++;
                System.out.println(name + ": " + text.lines().limit(12).reduce("", (a, b) -> a + "\n" + b));
            } catch (Throwable e) {
                // what it needs is not there
            }
        }
    }
}
