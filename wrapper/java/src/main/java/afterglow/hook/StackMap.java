package afterglow.hook;

import afterglow.hook.ClassFile.Unknown;

/** The stack map of a method whose code has moved (Java Virtual Machine Specification, 4.7.4). */
final class StackMap {
    private static final int SAME_EXTENDED = 251;
    private static final int FULL = 255;
    private static final int OBJECT = 7;
    private static final int UNINITIALIZED = 8;

    private final ClassFile file;
    private final int[] places;
    private final Out out;
    private int from;
    private int previous = -1;
    private int locals; // how many the frame has that was copied last

    StackMap(ClassFile file, int[] places, Out out, int locals) {
        this.file = file;
        this.places = places;
        this.out = out;
        this.locals = locals;
    }

    /** Copies a map; handler is where a frame is added that has nothing but this and a Throwable, -1 if none is. */
    void copy(int at, int handler, boolean self) throws Unknown {
        int n = file.u2(at);
        out.u2(n + (handler >= 0 ? 1 : 0));
        from = at + 2;
        int old = -1;
        for (int i = 0; i < n; i++) {
            int type = file.u1(from++);
            int delta = type < 64 ? type : type < 128 ? type - 64 : file.u2(from);
            if (type >= 128) {
                if (type < 247) {
                    throw new Unknown("a frame of kind " + type);
                }
                from += 2;
            }
            old += delta + 1;
            frame(type, places[old], self && handler >= 0);
        }
        if (handler >= 0) {
            caught(handler, self);
        }
    }

    /** Makes a map that has only the handler's frame. */
    void make(int handler, boolean self) {
        out.u2(1);
        caught(handler, self);
    }

    private void caught(int handler, boolean self) {
        out.u1(FULL).u2(step(handler));
        if (self) {
            out.u2(1).u1(OBJECT).u2(file.thisClass());
        } else {
            out.u2(0);
        }
        out.u2(1).u1(OBJECT).u2(file.addClass("java/lang/Throwable"));
    }

    private int step(int place) {
        int delta = place - previous - 1;
        previous = place;
        return delta;
    }

    private void frame(int type, int place, boolean self) throws Unknown {
        int delta = step(place);
        if (type < 64 || type == SAME_EXTENDED) {
            if (delta < 64) {
                out.u1(delta);
            } else {
                out.u1(SAME_EXTENDED).u2(delta);
            }
        } else if (type < 128 || type == 247) {
            if (delta < 64) {
                out.u1(64 + delta);
            } else {
                out.u1(247).u2(delta);
            }
            types(1);
        } else if (type < FULL) {
            out.u1(type).u2(delta);
            types(Math.max(0, type - SAME_EXTENDED)); // 248 to 250 cut locals off, 252 to 254 add some
            locals += type - SAME_EXTENDED;
        } else {
            out.u1(FULL).u2(delta);
            locals = file.u2(from);
            if (self && locals > 0 && file.u1(from + 2) != OBJECT) {
                locals = 0;
            }
            counted();
            counted();
        }
        if (self && locals < 1) {
            throw new Unknown("a method that forgets this");
        }
    }

    private void counted() throws Unknown {
        int n = file.u2(from);
        from += 2;
        out.u2(n);
        types(n);
    }

    private void types(int n) throws Unknown {
        for (int i = 0; i < n; i++) {
            int tag = file.u1(from++);
            out.u1(tag);
            if (tag == OBJECT) {
                out.u2(file.u2(from));
                from += 2;
            } else if (tag == UNINITIALIZED) {
                out.u2(places[file.u2(from)]); // the instruction that made it
                from += 2;
            } else if (tag > UNINITIALIZED) {
                throw new Unknown("a type of kind " + tag);
            }
        }
    }
}
