//! Small pieces of HTML.

/// Text that stays text inside HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A section with a heading; `body` is HTML.
pub fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{body}</section>\n")
}

/// A list of terms and what they mean; `value` is text.
pub fn definitions(rows: &[(&str, String)]) -> String {
    let rows = rows.iter().map(|(term, value)| format!("<dt>{term}</dt><dd>{}</dd>\n", escape(value)));
    format!("<dl>\n{}</dl>\n", rows.collect::<String>())
}

/// A large number with its caption and what stands below; all are text.
pub fn tile(caption: &str, value: &str, below: &str) -> String {
    format!(
        "<div class=\"tile\"><span>{}</span><strong>{}</strong><small>{}</small></div>\n",
        escape(caption),
        escape(value),
        escape(below)
    )
}

/// A plot with its caption, which is text.
pub fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>\n", escape(caption))
}

/// A share as a CSS length, within [0%, 100%].
pub fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share.clamp(0.0, 1.0))
}
