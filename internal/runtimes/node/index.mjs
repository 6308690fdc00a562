// Starts AWS's Node.js runtime client 3 with the handler from the environment, as the managed
// runtime's /var/runtime/index.mjs does: an exec wrapper or a preloaded module may have changed it.
import { run } from "./client.mjs";

await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
