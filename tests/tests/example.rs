//! The example of embedding does what it says.

#[path = "../../host/examples/embed.rs"]
#[allow(dead_code, reason = "its `main` is for running it by hand")]
mod embed;

#[tokio::test]
async fn the_example_of_embedding_runs() {
    let identity = embed::run().await.unwrap();
    assert!(identity.contains("nightly jobs"), "{identity}");
}
