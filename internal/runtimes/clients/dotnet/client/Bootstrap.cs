// The life of a runtime: load the function, then answer one event after another.

using System;
using System.Threading.Tasks;

namespace Amazon.Lambda.RuntimeSupport
{
    internal sealed class Bootstrap
    {
        private readonly RuntimeApi api;
        private readonly LogWriter log = LogWriter.TakeOver();

        public Bootstrap(RuntimeApi api)
        {
            this.api = api;
        }

        // Returns never: it throws what an environment does not survive, and the process dies of it.
        public async Task Run(string handlerName)
        {
            Handler handler;
            try
            {
                handler = Handler.Load(handlerName, log);
            }
            catch (Exception e)
            {
                log.Write(LogWriter.Failed, e.ToString());
                await api.SendInitError(e);
                throw;
            }
            while (true)
            {
                await Answer(handler, await api.Next());
            }
        }

        private async Task Answer(Handler handler, Event next)
        {
            log.RequestId = next.RequestId;
            // Null takes it away: without a trace the last invocation's must not stay.
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", next.TraceId);
            byte[] response;
            try
            {
                response = await handler.Call(next, new LambdaContext(next, log));
            }
            catch (Exception e)
            {
                log.Write(LogWriter.Failed, e.ToString());
                await api.SendError(next.RequestId, e);
                return;
            }
            await api.SendResponse(next.RequestId, response);
        }
    }
}
