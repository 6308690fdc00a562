package afterglow.hook;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Reads fields of a library's own objects by their names. A field that is not there is a failure, for the guard to tell. */
public final class Fields {
    private final Map<Class<?>, Map<String, Long>> known = new ConcurrentHashMap<>();

    /** Gives a field of the object's class, or of one that it extends. */
    public Object read(Object object, String name) {
        return Inside.read(object, place(object.getClass(), name));
    }

    public int readInt(Object object, String name) {
        return Inside.readInt(object, place(object.getClass(), name));
    }

    private long place(Class<?> type, String name) {
        Map<String, Long> places = known.get(type);
        if (places == null) {
            places = new ConcurrentHashMap<>();
            known.put(type, places);
        }
        Long place = places.get(name);
        if (place == null) {
            place = find(type, name);
            places.put(name, place);
        }
        return place;
    }

    private static long find(Class<?> type, String name) {
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
