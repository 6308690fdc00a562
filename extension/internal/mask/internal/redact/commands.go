package redact

import "bytes"

// maxCommand is how far the name of a command may stand before an option of it.
const maxCommand = 160

// shortOption hides the password in curl -u name:password, mysql -ppassword, redis-cli -a password and sshpass -p password: the letters of options mean something
// else to every other command, so its name has to stand before.
func (w *work) shortOption(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	if i+2 >= s.end || i > s.begin && !isSpace(in[i-1]) && in[i-1] != '"' && in[i-1] != '\'' {
		return i + 1
	}
	at := skipBetween(in, i+2)
	switch apart := at > i+2; in[i+1] {
	case 'u':
		return w.userOption(e, s, i, at)
	case 'a':
		if apart && w.isCommand(in, s.begin, i, "redis-cli") {
			return w.optionValue(e, s, i, at)
		}
	case 'p':
		if !apart && w.isCommand(in, s.begin, i, "mysql", "mariadb") || apart && w.isCommand(in, s.begin, i, "sshpass") {
			return w.optionValue(e, s, i, at)
		}
	}
	return i + 1
}

// userOption hides the password in the name:password of curl's -u and --user, which begins at at.
func (w *work) userOption(e *edit, s *scan, i, at int) int {
	in := e.in[:s.end]
	end := at
	for end < s.end && end < at+maxLookBack && isKeyChar(in[end]) || end < s.end && (in[end] == '.' || in[end] == '@') {
		end++
	}
	if w.steps += end - i; end == at || end == s.end || in[end] != ':' || !w.isCommand(in, s.begin, i, "curl") {
		return i + 1
	}
	return w.optionValue(e, s, i, end+1)
}

// optionValue hides what begins at at.
func (w *work) optionValue(e *edit, s *scan, i, at int) int {
	in := e.in[:s.end]
	to := at
	for to < s.end && !endsValue(in, to) {
		to++
	}
	if w.steps += to - i; at >= to {
		return i + 1
	}
	e.hide(at, to)
	return to
}

// isCommand tells whether one of the commands stands before i, on the same line.
func (w *work) isCommand(in []byte, begin, i int, commands ...string) bool {
	before := in[max(begin, i-maxCommand):i]
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	w.steps += len(before)
	for _, command := range commands {
		if w.rules.phrases && bytes.Contains(before, []byte(command)) {
			return true
		}
	}
	return false
}

// oracleUser hides user and password in a connection string of Oracle's drivers: jdbc:oracle:thin:scott/tiger@host, whose last colon is at i.
func (w *work) oracleUser(e *edit, s *scan, i int) int {
	in := e.in[:min(s.end, i+maxNames)]
	at, slash := -1, -1
	end := i + 1
	for ; end < len(in) && !isSpace(in[end]) && in[end] != '"' && in[end] != '\''; end++ {
		if slash < 0 && in[end] == '/' {
			slash = end
		}
		if in[end] == '@' {
			at = end
			if end+1 < len(in) && in[end+1] == '/' { // what is behind it is the host
				break
			}
		}
	}
	w.steps += end - i
	if at < 0 && slash > i+1 && end == s.end && s.cut&CutEnd != 0 {
		at = end
	}
	if at <= i+1 || w.rules.tokens.on&URLs == 0 {
		return i + 1
	}
	e.hide(i+1, at)
	return at
}

// sourceName hides user and password in the name of a data source without a scheme, as Go's driver for MySQL takes it: user:password@tcp(host:3306)/name, whose @ is at i.
func (w *work) sourceName(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	if w.rules.tokens.on&URLs == 0 || !bytes.HasPrefix(in[i:], []byte("@tcp(")) && !bytes.HasPrefix(in[i:], []byte("@unix(")) {
		return i + 1
	}
	from, least := i, max(s.begin, e.from, i-maxCommand)
	if bytes.IndexByte(in[least:i], ':') < 0 {
		return i + 1
	}
	for from > least && !isSpace(in[from-1]) && bytes.IndexByte([]byte("\"'`=\\"), in[from-1]) < 0 {
		from--
	}
	if w.steps += i - from; bytes.IndexByte(in[from:i], ':') >= 0 {
		e.hide(from, i)
	}
	return i + 1
}
