//! The way into what the demo leaves standing: a link and a QR code for each role.

use std::fmt::Write as _;

use muster_client_core::view::SessionFilter;
use muster_model::id::PresenterId;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::day::{DemoError, Field};
use super::screen::Screen;

/// How many phones may use a link: those of a few curious people.
const DEVICES: u32 = 20;

/// For how long a link is good: as long as a demo is left running.
const MINUTES: u32 = 12 * 60;

/// Shows the links, and what to do with them first.
pub(super) async fn show(field: &Field, screen: &Screen) -> Result<(), DemoError> {
    let stage = &field.stage;
    screen.stage("Your turn: open a link in a browser, or scan its code");
    if !has_app(&stage.server.address().to_string()).await {
        screen.say("   This muster was built without the app: `cargo xtask web`, then build it again");
        return Ok(());
    }
    let presenter = next_presenter(field).await?;
    let presenter = presenter.as_ref().map(|(id, name)| (id.to_string(), name.as_str()));
    let mut invitations = vec![
        ("Coordinator", "the overview, what waits to be settled, files, devices", "coordinator", None),
        ("Door", "scan a ticket or find somebody by name, and let them in", "staff", None),
        ("Rooms", "under \"Rooms\": which room is ready, what is missing", "staff", None),
    ];
    if let Some((id, _)) = &presenter {
        invitations.push(("Presenter", "own sessions, travel, whom to call", "presenter", Some(id.as_str())));
    }
    let mut link_is_public = true;
    for (name, what, role, of) in invitations {
        let link = stage.invite_many(role, name, of, DEVICES, MINUTES).await?;
        link_is_public &= link.starts_with("https://");
        let whose = presenter.as_ref().filter(|_| of.is_some()).map(|(_, name)| format!(" ({name})"));
        screen.say(&format!("\n   {name}{}: {what}\n   {link}\n", whose.unwrap_or_default()));
        screen.say(&qr(&link, screen.is_live()));
    }
    screen.say(&format!("   Each is good for {DEVICES} browsers and {} hours. A browser window has one", MINUTES / 60));
    screen.say("   role: give each a profile or a private window of its own.");
    screen.say("\n   At the door, search for `anna`, choose somebody and check them in.");
    screen.say("   Then go offline and do the next one: the door does not need this server to decide.");
    if !link_is_public {
        screen.say("   The links open on this machine. What other phones need is in web/README.md.");
    }
    Ok(())
}

/// Whether this server has the app in it.
async fn has_app(address: &str) -> bool {
    let asked = reqwest::Client::new().get(format!("http://{address}/")).header("accept", "text/html").send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}

/// Who presents next of those who sleep in a hotel, and so have everything that a presenter's phone shows; else who presents
/// next, or first of all when nothing is left today.
async fn next_presenter(field: &Field) -> Result<Option<(PresenterId, String)>, DemoError> {
    let Some(phone) = field.phones.first() else { return Ok(None) };
    let read = phone.client.read(|core, now| {
        let sessions = core.sessions(now, &SessionFilter::default())?;
        let later = sessions.iter().filter(|session| session.session.starts_at >= now);
        let each = later
            .chain(&sessions)
            .flat_map(|session| session.session.presenters.iter().copied().zip(session.presenters.iter().cloned()));
        Ok(each.collect::<Vec<_>>())
    });
    let all = read.await?;
    let server = field.stage.replica().await?;
    for (presenter, name) in &all {
        if server.is_put_up(*presenter)? {
            return Ok(Some((*presenter, name.clone())));
        }
    }
    Ok(all.into_iter().next())
}

/// A link as block characters. In a terminal black on white whatever its colours: not every camera reads a code that is
/// inverted.
fn qr(link: &str, coloured: bool) -> String {
    // A link too long for the largest code is still shown as text.
    let Ok(code) = QrCode::with_error_correction_level(link, EcLevel::L) else { return String::new() };
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build();
    let (on, off) = if coloured { ("\x1b[30;107m", "\x1b[0m") } else { ("", "") };
    drawn.lines().fold(String::new(), |mut text, line| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "   {on}{line}{off}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_drawn_in_lines_of_one_width() {
        let drawn = qr("http://127.0.0.1:8400/enrol#7ZQK3M5X9T2W8R4V6B1N0CYHJD", false);
        let widths: Vec<usize> = drawn.lines().map(|line| line.chars().count()).collect();
        assert!(widths.len() > 10 && widths.iter().all(|width| Some(width) == widths.first()), "{drawn}");
        assert!(qr("http://127.0.0.1:8400/enrol#1", true).lines().all(|line| line.ends_with("\x1b[0m")));
    }
}
