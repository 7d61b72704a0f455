//! The keyboard: lines that somebody types or pipes in, and passwords that nobody should see.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use async_channel::Receiver;
use rustix::termios::{self, LocalModes, OptionalActions};

/// Whether somebody sits at the keyboard and means us: a program in the background must not read the terminal.
pub fn is_interactive() -> bool {
    let stdin = io::stdin();
    stdin.is_terminal() && termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Whether lines can be read: from the keyboard, a pipe or a file.
pub fn has_lines() -> bool {
    !io::stdin().is_terminal() || is_interactive()
}

/// Lines of standard input, read by a thread that ends with the program. One line waits at most: whoever writes faster
/// than we take waits too.
///
/// # Errors
/// There are no more threads.
pub fn lines() -> io::Result<Receiver<String>> {
    let (sender, receiver) = async_channel::bounded(1);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        while stdin.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if sender.send_blocking(text).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Asks for a password at the terminal, without showing it. None if there is no terminal, or on Ctrl-D.
///
/// # Errors
/// The terminal can't be read; [`io::ErrorKind::Interrupted`] on Ctrl-C.
pub fn ask_password(prompt: &str) -> io::Result<Option<String>> {
    let Ok(mut terminal) = File::options().read(true).write(true).open("/dev/tty") else { return Ok(None) };
    terminal.write_all(prompt.as_bytes())?;
    let before = termios::tcgetattr(&terminal)?;
    let mut silent = before.clone();
    // Every key comes at once and none is a signal, so that the terminal is put right again whatever is pressed.
    silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    termios::tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let password = type_password(BufReader::new(&terminal));
    termios::tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    terminal.write_all(b"\n")?;
    password
}

/// Reads keys until Enter.
fn type_password(keys: impl BufRead) -> io::Result<Option<String>> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    let mut typed = Vec::new();
    for key in keys.bytes() {
        match key? {
            b'\n' | b'\r' => return Ok(String::from_utf8(typed).ok()),
            CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_D => return Ok(None),
            CTRL_U => typed.clear(),
            8 | 127 => erase_letter(&mut typed),
            byte => typed.push(byte),
        }
    }
    Ok(None)
}

/// Takes the last letter away, with all its bytes.
fn erase_letter(typed: &mut Vec<u8>) {
    while let Some(byte) = typed.pop() {
        if byte & 0xc0 != 0x80 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_ends_with_enter_and_can_be_corrected() {
        let typed = |keys: &[u8]| type_password(keys).expect("read");
        assert_eq!(typed(b"secret\nrest").as_deref(), Some("secret"));
        assert_eq!(typed("mật khẩu\u{7f}\u{7f}ẩu\r".as_bytes()).as_deref(), Some("mật khẩu"));
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(typed(b"\x7f\n").as_deref(), Some(""));
        assert_eq!(typed(b"abc\x04"), None);
        assert!(type_password(&b"abc\x03"[..]).is_err());
        assert_eq!(typed(b"abc"), None);
    }
}
