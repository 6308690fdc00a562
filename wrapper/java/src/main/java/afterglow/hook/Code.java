package afterglow.hook;

import afterglow.hook.ClassFile.Method;
import afterglow.hook.ClassFile.Unknown;

/**
 * The code of one method, with calls of the bridge put in.
 *
 * <p>A prologue stands before the first instruction; jumps to that one go behind the prologue. An epilogue stands before each return;
 * jumps to a return go before its epilogue. A handler at the end catches what the method throws, tells the bridge, and throws it again. All are straight,
 * so no frame of the stack map changes but for its place; one is added for the handler.
 */
final class Code {
    private static final int WIDE = 0xc4;
    private static final int TABLESWITCH = 0xaa;
    private static final int LOOKUPSWITCH = 0xab;
    private static final int MORE_STACK = 7;
    private static final int MOST_CODE = 65535;
    private static final int FIRST_MAPPED = 50; // the version of class files from which on there are stack maps

    /** The length of each instruction, from 0 on, as a letter; '?' is one of its own kind, '!' is not supported. */
    private static final String LENGTHS =
        "1111111111111111" // 0x00: constants
        + "23" + "233" + "22222" + "11111111111111111111" // 0x10: bipush sipush, ldc ldc_w ldc2_w, xload, xload_n
        + "11111111" // 0x2e: xaload
        + "22222" + "11111111111111111111" // 0x36: xstore, xstore_n
        + "11111111" // 0x4f: xastore
        + "111111111" // 0x57: pop to swap
        + "111111111111111111111111111111111111" // 0x60: arithmetic
        + "3" // 0x84: iinc
        + "111111111111111" + "11111" // 0x85: conversions, comparisons
        + "33333333333333" // 0x99: if
        + "3!!??" // 0xa7: goto jsr ret switches
        + "111111" // 0xac: returns
        + "3333" + "333" + "55" // 0xb2: fields, invokes
        + "3" + "2" + "3" + "11" + "33" + "11" // 0xbb: new newarray anewarray arraylength athrow checkcast instanceof monitors
        + "?" + "4" + "33" + "5!"; // 0xc4: wide multianewarray ifnull ifnonnull goto_w jsr_w

    private final ClassFile file;
    private final Method method;
    private final int at; // of the instructions
    private final int length;
    private final int maxStack;
    private final int maxLocals;
    private final Out prologue = new Out(32);
    private final int[] places; // where jumps to an instruction go now
    private final int[] instructions; // where it is itself
    private final boolean[] written = new boolean[256]; // locals that are stored to
    private int epilogueLength;
    private int end;

    Code(ClassFile file, Method method, int attribute) throws Unknown {
        this.file = file;
        this.method = method;
        maxStack = file.u2(attribute);
        maxLocals = file.u2(attribute + 2);
        length = file.u4(attribute + 4);
        at = attribute + 8;
        places = new int[length + 1];
        instructions = new int[length + 1];
    }

    /** Writes the content of the attribute. */
    void write(Out out) throws Unknown {
        findStores();
        begin();
        epilogueLength = epilogue(0xb1).length;
        if (method.returnsObject() || method.looksAt('R')) {
            epilogueLength = epilogue(method.looksAt('R') ? 0xac : 0xb0).length;
        }
        lay();
        boolean fails = method.looksAt('F');
        Out handler = fails ? handler() : new Out(0);
        int total = end + handler.length;
        if (total > MOST_CODE) {
            throw new Unknown("a method too long");
        }
        out.u2(maxStack + MORE_STACK).u2(maxLocals).u4(total);
        int start = out.length;
        out.append(prologue);
        copy(out);
        if (out.length - start != end) {
            throw new Unknown("code of another length");
        }
        out.append(handler);
        int tables = at + length;
        int exceptions = file.u2(tables);
        out.u2(exceptions + (fails ? 1 : 0));
        tables += 2;
        for (int i = 0; i < exceptions; i++, tables += 8) {
            out.u2(places[file.u2(tables)]).u2(places[file.u2(tables + 2)]).u2(places[file.u2(tables + 4)]).u2(file.u2(tables + 6));
        }
        if (fails) {
            out.u2(prologue.length).u2(end).u2(end).u2(0);
        }
        attributes(tables, fails, out);
    }

    private int sizeAt(int pc) throws Unknown {
        int op = file.u1(at + pc);
        char c = op < LENGTHS.length() ? LENGTHS.charAt(op) : '!';
        if (c == '!') {
            throw new Unknown("instruction " + op);
        }
        if (c != '?') {
            return c - '0';
        }
        if (op == WIDE) {
            return file.u1(at + pc + 1) == 0x84 ? 6 : 4;
        }
        int table = pc + 4 - (pc & 3);
        return table - pc + tableSize(op, table);
    }

    private int tableSize(int op, int table) {
        int n = op == TABLESWITCH ? file.u4(at + table + 8) - file.u4(at + table + 4) + 1 : 2 * file.u4(at + table + 4);
        return (op == TABLESWITCH ? 12 : 8) + 4 * n;
    }

    /** Finds which locals are stored to: those are no longer the arguments. */
    private void findStores() throws Unknown {
        for (int pc = 0; pc < length; pc += sizeAt(pc)) {
            int op = file.u1(at + pc);
            if (op >= 0x36 && op <= 0x3a || op == 0x84) {
                stored(file.u1(at + pc + 1));
            } else if (op >= 0x3b && op <= 0x4e) {
                stored((op - 0x3b) % 4);
            } else if (op == WIDE) {
                int wide = file.u1(at + pc + 1);
                if (wide >= 0x36 && wide <= 0x3a || wide == 0x84) {
                    stored(file.u2(at + pc + 2));
                }
            }
        }
    }

    private void stored(int slot) {
        if (slot < written.length) {
            written[slot] = true;
        }
    }

    private void begin() throws Unknown {
        if (method.looksAt('E')) {
            if (method.isStatic || method.isConstructor) {
                prologue.u1(0x01);
            } else {
                prologue.u1(0x2a);
            }
            for (int slot : method.objects()) {
                load(prologue, slot);
            }
            call(prologue, "enter", "(Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;I)V");
        }
        if (method.looksAt('W')) {
            if (method.descriptor.startsWith("([BII)")) {
                prologue.u1(0x2a).u1(0x2b).u1(0x1c).u1(0x1d);
                call(prologue, "write", "(Ljava/lang/Object;[BIII)V");
            } else if (method.descriptor.startsWith("(I)")) {
                prologue.u1(0x2a).u1(0x1b);
                call(prologue, "write", "(Ljava/lang/Object;II)V");
            } else {
                throw new Unknown("write" + method.descriptor);
            }
        }
    }

    /** Pushes an argument, or null if there is none (0). */
    private static void load(Out out, int slotAndOne) {
        if (slotAndOne == 0) {
            out.u1(0x01);
        } else {
            out.u1(0x19).u1(slotAndOne - 1);
        }
    }

    private void call(Out out, String name, String descriptor) {
        out.u1(0x11).u2(method.number).u1(0xb8).u2(file.bridge(name, descriptor));
    }

    /** Gives what stands before a return. */
    private Out epilogue(int op) throws Unknown {
        Out out = new Out(24);
        if (method.looksAt('R')) {
            boolean many = method.descriptor.equals("([BII)I");
            if (written[0] || many && (written[1] || written[2])) {
                throw new Unknown("arguments that change");
            }
            if (many) {
                out.u1(0x59).u1(0x2a).u1(0x2b).u1(0x1c);
                call(out, "read", "(ILjava/lang/Object;[BII)V");
            } else if (method.descriptor.equals("()I")) {
                out.u1(0x59).u1(0x2a);
                call(out, "read", "(ILjava/lang/Object;I)V");
            } else {
                throw new Unknown("read" + method.descriptor);
            }
        } else if (method.looksAt('L')) {
            out.u1(op == 0xb0 ? 0x59 : 0x01);
            self(out);
            int[] slots = method.objects();
            for (int slot : slots) {
                load(out, slot > 0 && written[slot - 1] ? 0 : slot);
            }
            call(out, "leave", "(Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;I)V");
        }
        return out;
    }

    private void self(Out out) throws Unknown {
        if (!method.isStatic && written[0]) {
            throw new Unknown("a method that changes this");
        }
        out.u1(method.isStatic ? 0x01 : 0x2a);
    }

    private Out handler() throws Unknown {
        if (method.isConstructor) {
            throw new Unknown("a constructor that throws");
        }
        Out out = new Out(16).u1(0x59);
        self(out);
        call(out, "fail", "(Ljava/lang/Throwable;Ljava/lang/Object;I)V");
        return out.u1(0xbf);
    }

    private static boolean isReturn(int op) {
        return op >= 0xac && op <= 0xb1;
    }

    private boolean hasEpilogue(int op) {
        return isReturn(op) && (method.looksAt('L') || method.looksAt('R'));
    }

    /** Settles where everything goes. */
    private void lay() throws Unknown {
        int to = prologue.length;
        for (int pc = 0; pc < length; ) {
            int op = file.u1(at + pc);
            int size = sizeAt(pc);
            places[pc] = to;
            if (hasEpilogue(op)) {
                to += epilogueLength;
            }
            instructions[pc] = to;
            if (op == TABLESWITCH || op == LOOKUPSWITCH) {
                int table = pc + 4 - (pc & 3);
                to = to + 4 - (to & 3) + tableSize(op, table);
            } else {
                to += size;
            }
            pc += size;
        }
        end = places[length] = to;
    }

    private void copy(Out out) throws Unknown {
        byte[] in = file.bytes();
        for (int pc = 0; pc < length; ) {
            int op = file.u1(at + pc);
            int size = sizeAt(pc);
            if (hasEpilogue(op)) {
                Out epilogue = epilogue(op);
                if (epilogue.length != epilogueLength) {
                    throw new Unknown("returns of two kinds");
                }
                out.append(epilogue);
            }
            if (op >= 0x99 && op <= 0xa7 || op == 0xc6 || op == 0xc7) {
                int jump = jump(pc, file.s2(at + pc + 1));
                if (jump != (short) jump) {
                    throw new Unknown("a jump too far");
                }
                out.u1(op).u2(jump);
            } else if (op == 0xc8) {
                out.u1(op).u4(jump(pc, file.u4(at + pc + 1)));
            } else if (op == TABLESWITCH || op == LOOKUPSWITCH) {
                table(pc, op, out);
            } else {
                out.copy(in, at + pc, size);
            }
            pc += size;
        }
    }

    private int jump(int pc, int offset) {
        return places[pc + offset] - instructions[pc];
    }

    private void table(int pc, int op, Out out) {
        out.u1(op);
        for (int pad = 3 - (instructions[pc] & 3); pad > 0; pad--) {
            out.u1(0);
        }
        int from = at + pc + 4 - (pc & 3);
        out.u4(jump(pc, file.u4(from)));
        if (op == TABLESWITCH) {
            int low = file.u4(from + 4);
            int high = file.u4(from + 8);
            out.u4(low).u4(high);
            for (int i = 0; i <= high - low; i++) {
                out.u4(jump(pc, file.u4(from + 12 + 4 * i)));
            }
        } else {
            int n = file.u4(from + 4);
            out.u4(n);
            for (int i = 0; i < n; i++) {
                out.u4(file.u4(from + 8 + 8 * i)).u4(jump(pc, file.u4(from + 12 + 8 * i)));
            }
        }
    }

    private void attributes(int from, boolean fails, Out out) throws Unknown {
        int n = file.u2(from);
        from += 2;
        Out kept = new Out(256);
        int count = 0;
        boolean mapped = false;
        for (int i = 0; i < n; i++) {
            String name = file.utf8(file.u2(from));
            int size = file.u4(from + 2);
            int start = kept.length + 2;
            switch (name) {
                case "StackMapTable":
                    kept.u2(file.u2(from)).u4(0);
                    new StackMap(file, places, kept, method.locals()).copy(from + 6, fails ? end : -1, !method.isStatic);
                    kept.patchLength(start);
                    mapped = true;
                    count++;
                    break;
                case "LineNumberTable":
                    kept.u2(file.u2(from)).u4(0);
                    lines(from + 6, kept);
                    kept.patchLength(start);
                    count++;
                    break;
                case "LocalVariableTable":
                case "LocalVariableTypeTable":
                    kept.u2(file.u2(from)).u4(0);
                    variables(from + 6, kept);
                    kept.patchLength(start);
                    count++;
                    break;
                case "RuntimeVisibleTypeAnnotations":
                case "RuntimeInvisibleTypeAnnotations":
                    break; // of local variables; nothing at run time can ask for them
                default:
                    throw new Unknown("code with " + name);
            }
            from += 6 + size;
        }
        if (fails && !mapped && file.version() >= FIRST_MAPPED) {
            kept.u2(file.addUtf8("StackMapTable"));
            int start = kept.length;
            kept.u4(0);
            new StackMap(file, places, kept, method.locals()).make(end, !method.isStatic);
            kept.patchLength(start);
            count++;
        }
        out.u2(count).append(kept);
    }

    private void lines(int from, Out out) {
        int n = file.u2(from);
        out.u2(n);
        for (int i = 0; i < n; i++) {
            int pc = file.u2(from + 2 + 4 * i);
            out.u2(pc == 0 ? 0 : places[pc]).u2(file.u2(from + 4 + 4 * i));
        }
    }

    private void variables(int from, Out out) {
        int n = file.u2(from);
        out.u2(n);
        for (int i = 0; i < n; i++) {
            int at = from + 2 + 10 * i;
            int pc = file.u2(at);
            int to = pc + file.u2(at + 2);
            out.u2(places[pc]).u2(places[to] - places[pc]).copy(file.bytes(), at + 4, 6);
        }
    }
}
