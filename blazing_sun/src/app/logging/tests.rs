//! Which lines are written.

use super::*;

#[test]
fn a_module_is_heard_from_its_own_level_on_and_the_others_as_configured() {
    let configured = "info,sqlx=warn".parse().expect("directives");

    let filter = filter_of(
        &configured,
        [("sqlx::query", Level::DEBUG), ("sqlx", Level::ERROR)],
    );

    assert!(filter.would_enable("sqlx::query", &Level::DEBUG));
    assert!(!filter.would_enable("sqlx::query", &Level::TRACE));
    assert!(!filter.would_enable("sqlx::pool", &Level::WARN));
    assert!(filter.would_enable("lapin", &Level::INFO));
    assert!(!filter.would_enable("lapin", &Level::DEBUG));
    let reset = filter_of(&configured, []);
    assert!(reset.would_enable("sqlx::query", &Level::WARN));
    assert!(!reset.would_enable("sqlx::query", &Level::INFO));
}

#[test]
fn lines_have_their_ids_whatever_is_configured_and_what_is_exported_is_no_line() {
    for directives in [
        "off",
        "error",
        "trace",
        "blazing_sun=off",
        "blazing_sun=trace",
    ] {
        let configured = directives.parse().expect("directives");
        let modules = [("blazing_sun", Level::TRACE), (EXPORTED, Level::TRACE)];
        for filter in [filter_of(&configured, []), filter_of(&configured, modules)] {
            assert!(filter.would_enable(LINES, &Level::ERROR), "{directives}");
            assert!(
                !filter.would_enable(EXPORTED, &Level::ERROR),
                "{directives}"
            );
        }
    }
}
