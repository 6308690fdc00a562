package afterglow.hook;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What is known of objects of the function's, by their identity, for as long as they live. No field is added to them, no method of
 * theirs is called, and none is kept from being collected.
 */
public final class Known<V> {
    private static final class Key extends WeakReference<Object> {
        final int hash;

        Key(Object object, ReferenceQueue<Object> queue) {
            super(object, queue);
            hash = System.identityHashCode(object);
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

    public void put(Object object, V value) {
        for (Reference<?> gone = queue.poll(); gone != null; gone = queue.poll()) {
            map.remove(gone);
        }
        map.put(new Key(object, queue), value);
    }

    public V remove(Object object) {
        return object == null ? null : map.remove(new Lookup(object));
    }
}
