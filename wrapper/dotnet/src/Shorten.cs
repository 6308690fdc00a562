// Makes a large event small and keeps it whole JSON: long strings are cut, and what lies beyond a bound is left out.
//
// What carries meaning in an event is short (ids, names, times), what is long is content. It walks over the bytes of the event as
// they arrived; how far is bounded, so that the cost does not grow with the event.

using System;

namespace Afterglow
{
    internal sealed class Shorten
    {
        private const int MostNodes = 2048; // a batch of a hundred messages
        private const int MostDepth = 32;
        private const int Long = 1024; // bytes that are kept of a string
        private const int Short = 96; // if that leaves no room for the rest: a message's or a trace's id still fits
        private const int MostSeen = 1 << 18; // bytes that are looked at
        private const int Calm = 32; // bytes without an escape: searching pays from then on; before, it costs more than looking at each

        private readonly byte[] data;
        private readonly int end, cut, budget;
        private readonly Text text;
        private int at, nodes = MostNodes;
        private bool full;

        private Shorten(Bytes bytes, int cut, int budget)
        {
            data = bytes.Data;
            at = bytes.From;
            end = bytes.From + Math.Min(bytes.Length, MostSeen);
            this.cut = cut;
            this.budget = budget;
            text = new Text(Math.Min(budget, MostSeen) + 2 * MostDepth);
        }

        // Gives JSON text of at most budget bytes.
        public static Text Event(Bytes bytes, int budget)
        {
            var least = Walk(bytes, Short, budget);
            if (least.Overflowed) // then with more of each string it would all the more
            {
                return least.text;
            }
            var most = Walk(bytes, Long, budget);
            return most.Overflowed ? least.text : most.text;
        }

        // Tells whether there was no room for something, as opposed to too many things.
        private bool Overflowed => full && nodes > 0;

        private static Shorten Walk(Bytes bytes, int cut, int budget)
        {
            var walk = new Shorten(bytes, cut, budget);
            walk.Whole();
            return walk;
        }

        private void Whole()
        {
            if (!Value(0, 0))
            {
                text.Length = 0;
                text.Raw(budget > 0 ? "0" : "");
            }
        }

        private int Peek()
        {
            while (at < end && data[at] <= ' ')
            {
                at++;
            }
            return at < end ? data[at] : -1;
        }

        // Tells whether n bytes more fit, with the brackets that are still to be closed.
        private bool Fits(int n, int open)
        {
            if (text.Length + n + open <= budget)
            {
                return true;
            }
            full = true;
            return false;
        }

        // Copies a value; false if there was no room for it, no more to see, or no value.
        private bool Value(int depth, int open)
        {
            if (--nodes < 0)
            {
                full = true;
                return false;
            }
            var c = Peek();
            if (c == '"')
            {
                return String(open);
            }
            if (c == '{' || c == '[')
            {
                return Nested(c, depth, open);
            }
            var from = at;
            while (at < end && data[at] != ',' && data[at] != '}' && data[at] != ']' && data[at] > ' ')
            {
                at++;
            }
            if (at == from || at == end && depth > 0 || at - from > Short || !Fits(at - from, open))
            {
                return false;
            }
            text.Raw(data, from, at - from);
            return true;
        }

        private bool String(int open)
        {
            var from = at;
            var close = Close(from + 1);
            at = close + 1;
            var n = (close < end && close - from <= cut ? close : Kept(from, close)) - from;
            if (!Fits(n + 1, open))
            {
                return false;
            }
            text.Raw(data, from, n).Raw("\"");
            return true;
        }

        // Gives where a string's closing quote is; end if that is not seen.
        private int Close(int i)
        {
            var quote = -1; // the next one that was searched for
            for (var calm = i; i < end; i++)
            {
                var b = data[i];
                if (b == '"')
                {
                    return i;
                }
                if (b == '\\')
                {
                    calm = ++i; // of \u too: what follows is neither
                }
                if (i - calm < Calm)
                {
                    continue;
                }
                if (quote < i)
                {
                    quote = Array.IndexOf(data, (byte)'"', i, end - i);
                    quote = quote < 0 ? end : quote;
                }
                calm = Array.IndexOf(data, (byte)'\\', i, quote - i);
                if (calm < 0)
                {
                    return quote;
                }
                i = calm - 1;
            }
            return end;
        }

        // Gives the end of what is kept of a long string: never within an escape or a character.
        private int Kept(int from, int close)
        {
            var kept = from + 1;
            for (var i = kept; i < close && i - from <= cut;)
            {
                if ((data[i] & 0xc0) != 0x80)
                {
                    kept = i;
                }
                i += data[i] != '\\' ? 1 : i + 1 < end && data[i + 1] == 'u' ? 6 : 2;
            }
            return kept;
        }

        private bool Nested(int opening, int depth, int open)
        {
            if (depth >= MostDepth || !Fits(2, open))
            {
                return false;
            }
            var closing = opening == '{' ? '}' : ']';
            text.Raw(opening == '{' ? "{" : "[");
            at++;
            for (var first = true; Peek() != closing; first = false)
            {
                var mark = text.Length;
                if (!first)
                {
                    if (Peek() != ',' || !Fits(1, open + 1))
                    {
                        break;
                    }
                    at++;
                    text.Raw(",");
                }
                if (opening == '{' && !Name(open + 1) || !Value(depth + 1, open + 1))
                {
                    text.Length = mark; // half a member is none
                    break;
                }
            }
            var ended = Peek() == closing;
            at++;
            text.Raw(closing == '}' ? "}" : "]");
            if (!ended)
            {
                at = end; // nothing behind it can be told apart any more
            }
            return true;
        }

        private bool Name(int open)
        {
            if (Peek() != '"' || !String(open) || Peek() != ':' || !Fits(1, open))
            {
                return false;
            }
            at++;
            text.Raw(":");
            return true;
        }
    }
}
