package afterglow.hook;

/**
 * A class file (Java Virtual Machine Specification, chapter 4) to which calls of {@link afterglow.boot.Bridge} are added.
 *
 * <p>It takes the bytes of a class and the methods that are looked at. It gives the bytes of a class that does the same, and calls the
 * bridge where methods begin, return or throw. No method, field or frame is added. The constants that it needs are put behind the others, everything
 * that is not the code of one of those methods is copied as it is. On anything that it does not know it gives up, and the class stays as it was.
 */
final class ClassFile {
    /** The class is not as the hook knows it. */
    static final class Unknown extends Exception {
        private static final long serialVersionUID = 1;

        Unknown(String message) {
            super(message, null, false, false);
        }
    }

    static final String BRIDGE = "afterglow/boot/Bridge";

    private static final int MAGIC = 0xcafebabe;
    private static final int MOST_CONSTANTS = 65535;

    private final byte[] in;
    private final int base;
    private final int[] constants; // where each begins
    private final int constantsEnd;
    private final Out added = new Out(512);
    private int count;
    private final String[] bridges = new String[8]; // methods of the bridge's that have a constant already,
    private final int[] bridgesAt = new int[8]; // and which
    private int bridged;
    private int bridgeClass;

    private ClassFile(byte[] in, int base) throws Unknown {
        this.in = in;
        this.base = base;
        if (u4(0) != MAGIC) {
            throw new Unknown("no class file");
        }
        count = u2(8);
        constants = new int[count];
        int at = 10;
        for (int i = 1; i < count; i++) {
            constants[i] = at;
            int tag = in[at];
            at += size(tag, at);
            if (tag == 5 || tag == 6) { // long and double take two places
                i++;
            }
        }
        constantsEnd = at;
    }

    private int size(int tag, int at) throws Unknown {
        switch (tag) {
            case 1:
                return 3 + u2(at + 1);
            case 3: case 4: case 9: case 10: case 11: case 12: case 17: case 18:
                return 5;
            case 5: case 6:
                return 9;
            case 7: case 8: case 16: case 19: case 20:
                return 3;
            case 15:
                return 4;
            default:
                throw new Unknown("a constant of kind " + tag);
        }
    }

    int u1(int at) {
        return in[at] & 0xff;
    }

    int u2(int at) {
        return (in[at] & 0xff) << 8 | in[at + 1] & 0xff;
    }

    int s2(int at) {
        return in[at] << 8 | in[at + 1] & 0xff;
    }

    int u4(int at) {
        return u2(at) << 16 | u2(at + 2);
    }

    int version() {
        return u2(6);
    }

    byte[] bytes() {
        return in;
    }

    /** Gives the class with the points put in; base is the number of its probe, shifted. */
    static byte[] edit(byte[] in, Points points, int base) throws Unknown {
        return new ClassFile(in, base).edit(points);
    }

    private byte[] edit(Points points) throws Unknown {
        Out rest = new Out(in.length + 2048);
        int at = constantsEnd + 6;
        at += 2 + 2 * u2(at); // interfaces
        at = skipMembers(at); // fields
        rest.copy(in, constantsEnd, at - constantsEnd);
        int methods = u2(at);
        rest.u2(methods);
        at += 2;
        for (int i = 0; i < methods; i++) {
            Points.Point point = points.of(utf8(u2(at + 2)) + utf8(u2(at + 4)));
            int end = skipMember(at);
            if (point == null) {
                rest.copy(in, at, end - at);
            } else {
                method(at, point, rest);
            }
            at = end;
        }
        rest.copy(in, at, in.length - at);
        if (points.missing() != null) {
            throw new Unknown("there is no " + points.missing());
        }
        if (count > MOST_CONSTANTS) {
            throw new Unknown("too many constants");
        }
        return new Out(in.length + added.length + rest.length).copy(in, 0, 8).u2(count).copy(in, 10, constantsEnd - 10).append(added).append(rest).trimmed();
    }

    private int skipMembers(int at) {
        int n = u2(at);
        at += 2;
        for (int i = 0; i < n; i++) {
            at = skipMember(at);
        }
        return at;
    }

    private int skipMember(int at) {
        int attributes = u2(at + 6);
        at += 8;
        for (int i = 0; i < attributes; i++) {
            at += 6 + u4(at + 2);
        }
        return at;
    }

    private void method(int at, Points.Point point, Out out) throws Unknown {
        int access = u2(at);
        int attributes = u2(at + 6);
        out.copy(in, at, 8);
        Method method = new Method(access, utf8(u2(at + 2)), utf8(u2(at + 4)), point, base | point.number);
        at += 8;
        for (int i = 0; i < attributes; i++) {
            int length = 6 + u4(at + 2);
            if (utf8(u2(at)).equals("Code")) {
                out.u2(u2(at));
                int start = out.length;
                out.u4(0);
                new Code(this, method, at + 6).write(out);
                out.patchLength(start);
            } else {
                out.copy(in, at, length);
            }
            at += length;
        }
    }

    String utf8(int index) throws Unknown {
        int at = constants[index];
        if (at == 0 || in[at] != 1) {
            throw new Unknown("no name where one should be");
        }
        int n = u2(at + 1);
        for (int i = 0; i < n; i++) {
            if (in[at + 3 + i] < 0) {
                return ""; // not ASCII: no name that is looked for
            }
        }
        @SuppressWarnings("deprecation")
        String text = new String(in, 0, at + 3, n);
        return text;
    }

    int thisClass() {
        return u2(constantsEnd + 2);
    }

    int addUtf8(String ascii) {
        added.u1(1).u2(ascii.length());
        for (int i = 0; i < ascii.length(); i++) {
            added.u1(ascii.charAt(i));
        }
        return count++;
    }

    int addClass(String name) {
        int utf8 = addUtf8(name);
        added.u1(7).u2(utf8);
        return count++;
    }

    /** Gives the constant for a method of the bridge's. */
    int bridge(String name, String descriptor) {
        String key = name + descriptor;
        for (int i = 0; i < bridged; i++) {
            if (bridges[i].equals(key)) {
                return bridgesAt[i];
            }
        }
        if (bridgeClass == 0) {
            bridgeClass = addClass(BRIDGE);
        }
        int n = addUtf8(name);
        int d = addUtf8(descriptor);
        added.u1(12).u2(n).u2(d);
        int both = count++;
        added.u1(10).u2(bridgeClass).u2(both);
        bridges[bridged] = key;
        bridgesAt[bridged++] = count;
        return count++;
    }

    /** A method whose code is edited. */
    static final class Method {
        final boolean isStatic;
        final boolean isConstructor;
        final String descriptor;
        final Points.Point point;
        final int number;

        Method(int access, String name, String descriptor, Points.Point point, int number) {
            isStatic = (access & 8) != 0;
            isConstructor = name.equals("<init>");
            this.descriptor = descriptor;
            this.point = point;
            this.number = number;
        }

        boolean looksAt(char kind) {
            return point.has(kind);
        }

        /** Gives the slots of the first arguments that are objects, 0 where there are fewer. */
        int[] objects() {
            int[] slots = new int[3];
            int slot = isStatic ? 0 : 1;
            int found = 0;
            for (int i = 1; descriptor.charAt(i) != ')' && found < slots.length; i++) {
                char c = descriptor.charAt(i);
                if (c == 'L' || c == '[') {
                    slots[found++] = slot + 1; // one more, so that 0 is none
                    while (descriptor.charAt(i) == '[') {
                        i++;
                    }
                    if (descriptor.charAt(i) == 'L') {
                        i = descriptor.indexOf(';', i);
                    }
                    slot++;
                } else {
                    slot += c == 'J' || c == 'D' ? 2 : 1;
                }
            }
            return slots;
        }

        /** Gives how many locals the first frame has. */
        int locals() {
            int n = isStatic ? 0 : 1;
            for (int i = 1; descriptor.charAt(i) != ')'; i++, n++) {
                while (descriptor.charAt(i) == '[') {
                    i++;
                }
                if (descriptor.charAt(i) == 'L') {
                    i = descriptor.indexOf(';', i);
                }
            }
            return n;
        }

        boolean returnsObject() {
            char c = descriptor.charAt(descriptor.indexOf(')') + 1);
            return c == 'L' || c == '[';
        }
    }
}
