//! The desktop around the window: choosing files, telling something while another window is in front, where files are kept.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use ashpd::desktop::ResponseError;
use ashpd::desktop::file_chooser::SelectedFiles;
use ashpd::zbus;
use ashpd::zbus::zvariant::Value;
use futures_lite::future::block_on;

/// The desktop has no window to choose files in, or does not answer: what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoChooser(pub String);

/// Lets the user choose files in the desktop's own window, and waits for it; none if they changed their mind.
///
/// # Errors
/// See [`NoChooser`].
pub fn choose_files(title: &str) -> Result<Vec<PathBuf>, NoChooser> {
    let asking = async {
        let request = SelectedFiles::open_file().title(title).multiple(true);
        request.send().await.and_then(|told| told.response())
    };
    match block_on(asking) {
        Ok(chosen) => Ok(chosen.uris().iter().filter_map(|uri| local(uri.as_str())).collect()),
        Err(ashpd::Error::Response(ResponseError::Cancelled)) => Ok(Vec::new()),
        Err(error) => Err(NoChooser(error.to_string())),
    }
}

/// The path of a `file:` URI of this machine.
pub fn local(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://")?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    let path = PathBuf::from(String::from_utf8(bytes).ok()?);
    path.is_absolute().then_some(path)
}

/// What was typed as a path: `~` is the user's own folder. None if there is no such file.
pub fn typed(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    let path = match (text.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => local(text).unwrap_or_else(|| PathBuf::from(text)),
    };
    path.is_file().then_some(path)
}

/// Tells something outside the window, as `org.freedesktop.Notifications` does. Waits for the desktop.
///
/// # Errors
/// There is no desktop that tells anything.
pub fn notify(summary: &str, body: &str) -> zbus::Result<()> {
    const SERVICE: &str = "org.freedesktop.Notifications";
    // A body may hold marks such as <b>, and names are anybody's choice.
    let body = body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let hints = HashMap::from([("desktop-entry", Value::from("hph-desktop"))]);
    let actions: Vec<&str> = Vec::new();
    let told = ("HPH Meeting", 0u32, "hph-desktop", summary, body.as_str(), actions, hints, -1i32);
    block_on(async {
        let connection = zbus::Connection::session().await?;
        connection.call_method(Some(SERVICE), "/org/freedesktop/Notifications", Some(SERVICE), "Notify", &told).await?;
        Ok(())
    })
}

/// Where what is fetched is kept: the user's folder for downloads.
pub fn downloads() -> PathBuf {
    let home = env::home_dir().unwrap_or_default();
    let config = env::var_os("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let said = fs::read_to_string(config.join("user-dirs.dirs")).ok();
    said.and_then(|text| downloads_in(&text, &home)).unwrap_or_else(|| home.join("Downloads"))
}

/// The folder in what `xdg-user-dirs` has written: `XDG_DOWNLOAD_DIR="$HOME/Tải về"`.
fn downloads_in(text: &str, home: &Path) -> Option<PathBuf> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="))?;
    let path = line.trim_matches('"');
    let path = path.strip_prefix("$HOME/").map_or_else(|| PathBuf::from(path), |rest| home.join(rest));
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_a_path_of_this_machine_or_nothing() {
        assert_eq!(local("file:///home/lan/b%C3%A0i%20t%E1%BA%ADp.pdf"), Some("/home/lan/bài tập.pdf".into()));
        for nothing in ["https://example.org/a", "file://elsewhere", "file:///a%F", "/a"] {
            assert_eq!(local(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn downloads_are_where_the_desktop_says() {
        let home = Path::new("/home/lan");
        let said = "# a remark\nXDG_DOWNLOAD_DIR=\"$HOME/Tải về\"\nXDG_MUSIC_DIR=\"$HOME/Nhạc\"\n";
        assert_eq!(downloads_in(said, home), Some("/home/lan/Tải về".into()));
        assert_eq!(downloads_in("XDG_DOWNLOAD_DIR=\"/data/in\"", home), Some("/data/in".into()));
        assert_eq!(downloads_in("XDG_DOWNLOAD_DIR=\"in\"", home), None);
        assert_eq!(downloads_in("", home), None);
    }
}
