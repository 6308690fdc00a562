// What was not recorded, by reason, until it is told.

using System.Collections.Generic;

namespace Afterglow
{
    internal sealed class Losses
    {
        public sealed class Loss
        {
            public string Reason;
            public long Records, Size;
        }

        public readonly List<Loss> Untold = new List<Loss>();

        private long complained;

        public void Count(string reason, long records, long size)
        {
            foreach (var loss in Untold)
            {
                if (loss.Reason == reason)
                {
                    loss.Records += records;
                    loss.Size += size;
                    return;
                }
            }
            Untold.Add(new Loss { Reason = reason, Records = records, Size = size });
        }

        // Says how many there are which could not be written down, and again when they are twice as many. If the spool stays as it is, nobody else will.
        public void Complain()
        {
            long records = 0;
            foreach (var loss in Untold)
            {
                records += loss.Records;
            }
            if (records > 0 && records < 2 * complained)
            {
                return;
            }
            if (records > 0)
            {
                Guard.Warn("records lost so far: " + records + "; the spool cannot be written");
            }
            complained = records;
        }
    }
}
