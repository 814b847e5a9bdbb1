//! One table of scenarios through every door: the proxy, the SDK's client, and one that writes while the other reads.
//! All must say what a plaintext twin says, and of a refusal the same words (issue 5, Measures).

pub(crate) mod answer;
mod calls;
pub(crate) mod door;
pub(crate) mod driver;
mod mixed;
pub(crate) mod param;
pub(crate) mod scenario;
pub(crate) mod sdk;
pub(crate) mod stage;

use mixed::Mixed;
use param::Form;
use stage::Stage;

/// Plays a file through all doors.
async fn play(name: &str, file: &str) {
    let stage = Stage::new(name);
    let mut group = stage.group(file).await;
    let (proxy, sdk) = (stage.proxy(Form::Text), stage.sdk(Form::Binary).await);
    stage.play(&mut group, &proxy).await;
    stage.play(&mut group, &stage.proxy(Form::Binary)).await;
    stage.play(&mut group, &sdk).await;
    stage.play(&mut group, &stage.sdk(Form::Text).await).await;
    stage.play(&mut group, &Mixed { writes: &proxy, reads: &sdk }).await;
    stage.play(&mut group, &Mixed { writes: &sdk, reads: &proxy }).await;
    stage.close(group);
}

macro_rules! groups {
    ($($test:ident: $file:literal;)*) => {
        $(#[tokio::test]
        async fn $test() {
            play(concat!("doors", line!()), $file).await;
        })*
    };
}

groups! {
    sealed_tables_are_the_same_through_every_door: "sealed.sql";
    signed_tables_are_the_same_through_every_door: "signed.sql";
    values_of_every_type_are_the_same_through_every_door: "values.sql";
    transactions_are_the_same_through_every_door: "blocks.sql";
    parameters_are_the_same_through_every_door: "parameters.sql";
    refusals_are_the_same_through_every_door: "refusals.sql";
    tampering_is_found_through_every_door: "tampering.sql";
}
