//! What people call a device, told from what its browser calls itself.

use std::borrow::Cow;

/// What stands in a browser's name for itself, and what people call it. Each also names those below it, which it comes from.
const BROWSERS: [(&str, &str); 10] = [
    (" Edg", "Edge"),
    (" OPR/", "Opera"),
    (" SamsungBrowser/", "Samsung Internet"),
    (" Firefox/", "Firefox"),
    (" FxiOS/", "Firefox"),
    (" CriOS/", "Chrome"),
    (" Chromium/", "Chromium"),
    (" HeadlessChrome/", "Chrome"),
    (" Chrome/", "Chrome"),
    (" Safari/", "Safari"),
];
/// The same of systems.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "a Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// `Firefox on Linux`, if that can be told, else what the device says; whatever else it says is too long to be read.
#[must_use]
pub fn device_name(agent: &str) -> Cow<'_, str> {
    let find = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(part, _)| agent.contains(part));
        found.map(|(_, name)| *name)
    };
    let is_browser = agent.starts_with("Mozilla/5.0 (");
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) if is_browser => format!("{browser} on {system}").into(),
        _ => agent.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_as_people_call_it() {
        let chrome = "(KHTML, like Gecko) Chrome/142.0.0.0";
        let safari = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (agent, name) in [
            (
                "(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned(),
                "Firefox on Linux",
            ),
            (
                format!("(X11; Linux x86_64) AppleWebKit/537.36 {chrome} Safari/537.36"),
                "Chrome on Linux",
            ),
            (
                format!(
                    "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {chrome} Safari/537.36 Edg/142.0.0.0"
                ),
                "Edge on Windows",
            ),
            (
                format!("(Linux; Android 10; K) AppleWebKit/537.36 {chrome} Mobile Safari/537.36"),
                "Chrome on Android",
            ),
            (
                format!(
                    "(Macintosh; Intel Mac OS X 10_15_7) {safari} Version/18.5 Safari/605.1.15"
                ),
                "Safari on a Mac",
            ),
            (
                format!(
                    "(iPhone; CPU iPhone OS 18_5 like Mac OS X) {safari} CriOS/142.0 Mobile/15E148 Safari/604.1"
                ),
                "Chrome on an iPhone",
            ),
        ] {
            assert_eq!(device_name(&format!("Mozilla/5.0 {agent}")), name);
        }
    }

    #[test]
    fn what_is_no_browser_keeps_what_it_says() {
        for agent in [
            "",
            "curl/8.14.1",
            "a phone",
            "Mozilla/5.0 (compatible; a robot)",
            "Safari/1 on Linux",
        ] {
            assert_eq!(device_name(agent), agent);
        }
    }
}
