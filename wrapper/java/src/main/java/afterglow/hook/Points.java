package afterglow.hook;

import java.util.ArrayList;
import java.util.List;

/**
 * The methods of one class that are looked at, written as a line each: number, kinds, and how the method's name and descriptor begin.
 *
 * <pre>
 * 1 EL nextInvocation()
 * </pre>
 *
 * <p>Kinds: E it begins, L it returns, F it throws; W it is write(byte[], int, int) or write(int) and begins; R it is read(byte[], int,
 * int) or read() and returns; a ? in front: not every version of the class has it.
 */
final class Points {
    /** One line. */
    static final class Point {
        final int number;
        final String kinds;
        final String method;
        boolean found;

        Point(int number, String kinds, String method) {
            this.number = number;
            this.kinds = kinds;
            this.method = method;
            found = kinds.indexOf('?') >= 0;
        }

        boolean has(char kind) {
            return kinds.indexOf(kind) >= 0;
        }
    }

    private final List<Point> points = new ArrayList<>(8);

    Points(String lines) {
        for (int from = 0; from < lines.length(); ) {
            int to = lines.indexOf('\n', from);
            int a = lines.indexOf(' ', from);
            int b = lines.indexOf(' ', a + 1);
            points.add(new Point(Integer.parseInt(lines.substring(from, a)), lines.substring(a + 1, b), lines.substring(b + 1, to)));
            from = to + 1;
        }
    }

    /** Gives what to do with a method, or null. */
    Point of(String nameAndDescriptor) {
        for (int i = 0; i < points.size(); i++) {
            if (nameAndDescriptor.startsWith(points.get(i).method)) {
                points.get(i).found = true;
                return points.get(i);
            }
        }
        return null;
    }

    /** Gives a line for which there was no method, or null. */
    String missing() {
        for (int i = 0; i < points.size(); i++) {
            if (!points.get(i).found) {
                return points.get(i).method;
            }
        }
        return null;
    }
}
