package afterglow.hook;

/** A field of a library's own objects, by its name. An object that does not have it is a failure, for the guard to tell. */
public final class Field {
    /** Where objects of one class have it. */
    private static final class Place {
        final Class<?> type;
        final long at;

        Place(Class<?> type, long at) {
            this.type = type;
            this.at = at;
        }
    }

    private final String name;
    private Place last; // nearly always there is one class; whoever sees an old one looks again

    public Field(String name) {
        this.name = name;
    }

    /** Gives the field of the object's class, or of one that it extends. */
    public Object of(Object object) {
        return Inside.read(object, place(object.getClass()));
    }

    /** Gives the field of the object another value. */
    public void set(Object object, Object value) {
        Inside.write(object, place(object.getClass()), value);
    }

    public int ofInt(Object object) {
        return Inside.readInt(object, place(object.getClass()));
    }

    private long place(Class<?> type) {
        Place place = last;
        if (place == null || place.type != type) {
            place = new Place(type, find(type));
            last = place;
        }
        return place.at;
    }

    private long find(Class<?> type) {
        for (Class<?> c = type; c != null; c = c.getSuperclass()) {
            try {
                return Inside.field(c, name);
            } catch (InternalError e) {
                // not here
            }
        }
        throw new IllegalStateException("no such field");
    }
}
