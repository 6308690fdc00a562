package app;

import com.amazonaws.services.lambda.runtime.Context;

/** Methods that implement nothing. */
public class Plain {
    public static class Order {
        private int number;

        public int getNumber() {
            return number;
        }

        public void setNumber(int number) {
            this.number = number;
        }
    }

    public Order next(Order order, Context context) {
        order.setNumber(order.getNumber() + 1);
        return order;
    }

    public static String greet(String name) {
        return "hello " + name;
    }
}
