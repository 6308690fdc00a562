package afterglow.hook;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What is known of objects of the function's, by their identity, for as long as they live. No field is added to them, no method of
 * theirs is called, and none is kept from being collected.
 *
 * <p>What is known of many short-lived objects is best forgotten at once: until the garbage collector tells that an object is gone, it copies
 * what is known of it from one generation to the next.
 */
public final class Known<V> {
    /** What is known of one object, to be forgotten. */
    public abstract static class Entry extends WeakReference<Object> {
        Entry next; // for whoever keeps several of them

        Entry(Object object, ReferenceQueue<Object> queue) {
            super(object, queue);
        }

        abstract void forget();
    }

    private static final class Key extends Entry {
        final int hash;
        private final ConcurrentHashMap<Object, ?> map;
        private final Object value;

        Key(Object object, ReferenceQueue<Object> queue, ConcurrentHashMap<Object, ?> map, Object value) {
            super(object, queue);
            hash = System.identityHashCode(object);
            this.map = map;
            this.value = value;
        }

        @Override
        void forget() {
            map.remove(this, value); // unless something else is known of it by now
        }

        @Override
        public int hashCode() {
            return hash;
        }

        @Override
        public boolean equals(Object other) {
            if (this == other) {
                return true;
            }
            Object mine = get();
            return mine != null && (other instanceof Key ? ((Key) other).get() == mine : other instanceof Lookup && ((Lookup) other).object == mine);
        }
    }

    private static final class Lookup {
        final Object object;

        Lookup(Object object) {
            this.object = object;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(object);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key && ((Key) other).get() == object;
        }
    }

    private final ConcurrentHashMap<Object, V> map = new ConcurrentHashMap<>();
    private final ReferenceQueue<Object> queue = new ReferenceQueue<>();

    public V get(Object object) {
        return object == null ? null : map.get(new Lookup(object));
    }

    public Entry put(Object object, V value) {
        for (Reference<?> gone = queue.poll(); gone != null; gone = queue.poll()) {
            map.remove(gone);
        }
        Key key = new Key(object, queue, map, value);
        map.put(key, value);
        return key;
    }

    public V remove(Object object) {
        return object == null ? null : map.remove(new Lookup(object));
    }
}
