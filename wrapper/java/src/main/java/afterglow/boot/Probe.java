package afterglow.boot;

/**
 * What one library is looked at through: a method for each kind of moment in a method of the library's.
 *
 * <p>point says which method it is; it is the probe's own number. Nothing that a probe throws leaves {@link Bridge}.
 */
public abstract class Probe {
    /** A method begins. The arguments are its first three that are objects; self is null in a constructor. */
    public void enter(int point, Object self, Object a, Object b, Object c) throws Throwable {}

    /** A method returns result, or null if it gives no object. An argument that the method has changed is null. */
    public void leave(int point, Object result, Object self, Object a, Object b, Object c) throws Throwable {}

    /** A method throws. */
    public void fail(int point, Throwable error, Object self) throws Throwable {}

    /** write(bytes, from, count) begins. */
    public void write(int point, Object self, byte[] bytes, int from, int count) throws Throwable {}

    /** read(bytes, from, …) returns count, -1 at the end. */
    public void read(int point, Object self, byte[] bytes, int from, int count) throws Throwable {}

    /** Something in a probe failed. */
    public void failed(Throwable error) throws Throwable {}
}
