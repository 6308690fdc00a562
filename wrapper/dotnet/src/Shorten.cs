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
        private const int Long = 1024; // bytes that are kept of a string at first
        private const int Short = 96; // and if that leaves no room for the rest: a message's or a trace's id still fits
        private const int MostSeen = 1 << 18; // bytes that are looked at

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
            var walk = new Shorten(bytes, Long, budget);
            walk.Whole();
            if (walk.full && walk.nodes > 0)
            {
                walk = new Shorten(bytes, Short, budget);
                walk.Whole();
            }
            return walk.text;
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
            var from = at++;
            var kept = at; // the end of what is kept: never within an escape or a character
            var whole = false;
            var quote = -1; // the next one
            while (at < end)
            {
                if (at - from > cut) // nothing more of it is kept, so it need not be looked at one by one
                {
                    if (quote < at)
                    {
                        quote = Array.IndexOf(data, (byte)'"', at, end - at);
                        quote = quote < 0 ? end : quote;
                    }
                    var escape = Array.IndexOf(data, (byte)'\\', at, quote - at);
                    at = escape < 0 ? quote : escape;
                    if (at == end)
                    {
                        break;
                    }
                }
                var b = data[at];
                if (b == '"')
                {
                    whole = true;
                    break;
                }
                at += b != '\\' ? 1 : at + 1 < end && data[at + 1] == 'u' ? 6 : 2;
                if (at - from <= cut && at <= end && (at == end || (data[at] & 0xc0) != 0x80))
                {
                    kept = at;
                }
            }
            if (!whole)
            {
                at = end;
            }
            var n = (whole && at - from <= cut ? at : kept) - from;
            at++;
            if (!Fits(n + 1, open))
            {
                return false;
            }
            text.Raw(data, from, n).Raw("\"");
            return true;
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
