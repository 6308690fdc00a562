package app;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;

/** Errors of every kind. */
final class Raise {
    private Raise() {}

    /** Has a constructor that takes other arguments. */
    static final class Custom extends Exception {
        private static final long serialVersionUID = 1;
        final int two;

        Custom(String one, int two) {
            super(one);
            this.two = two;
        }
    }

    /** Cannot be made from its message, and prints as it likes. */
    static final class Odd extends RuntimeException {
        private static final long serialVersionUID = 1;

        Odd(int one, int two) {}

        @Override
        public String getMessage() {
            return "odd €";
        }

        @Override
        public String toString() {
            return "Odd!";
        }
    }

    /** Fails when it is asked what it is. */
    static final class Unprintable extends RuntimeException {
        private static final long serialVersionUID = 1;

        @Override
        public String getMessage() {
            throw new IllegalStateException("cannot be printed");
        }
    }

    static Object raise(String kind, String message, ExecutorService pool) throws Throwable {
        switch (kind) {
            case "plain":
                throw new IllegalArgumentException(message);
            case "custom":
                throw new Custom(message, 2);
            case "odd":
                throw new Odd(1, 2);
            case "deep":
                return deep(50, message);
            case "chained":
                throw new RuntimeException(message, new IllegalArgumentException("the cause"));
            case "async":
                return CompletableFuture.supplyAsync(() -> deep(3, message)).join();
            case "thread":
                try {
                    return pool.submit(() -> deep(3, message)).get();
                } catch (ExecutionException e) {
                    throw e.getCause();
                }
            case "unhandled":
            case "uncaught":
                Thread one = new Thread(() -> deep(3, message));
                one.start();
                one.join();
                return null;
            case "stack":
                return deep(Integer.MAX_VALUE, message);
            case "unprintable":
                throw new Unprintable();
            default:
                throw new Unsupported("to raise " + kind);
        }
    }

    // In one line: in which of two a stack ends that is too deep is chance.
    private static Object deep(int n, String message) { if (n == 0) { throw new IllegalArgumentException(message); } return deep(n - 1, message); }
}
