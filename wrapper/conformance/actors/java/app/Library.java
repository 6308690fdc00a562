package app;

import java.util.Map;

/** Something that sends requests. */
interface Library {
    Map<String, Object> send(Call call) throws Exception;
}
