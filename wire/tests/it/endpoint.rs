//! Which API a path belongs to.

#[test]
fn paths_of_the_providers() {
    let table = "
        openai            v1/chat/completions                              chat
        openai            /v1/chat/completions?x=1                         chat
        openai            chat/completions                                 chat
        openai            v1/responses                                     responses
        openai            v1/responses/compact                             compact
        openai            v1/responses/input_tokens                        count_tokens
        openai            v1/completions                                   completions
        mistral           v1/fim/completions                               completions
        openai            v1/embeddings                                    embeddings
        openai            v1/images/generations                            images
        openai            v1/images/edits                                  images
        openai            v1/audio/speech                                  speech
        openai            v1/audio/transcriptions                          transcription
        openai            v1/audio/translations                            transcription
        openai            v1/moderations                                   moderations
        anthropic         v1/messages                                      messages
        anthropic         v1/messages?beta=true                            messages
        anthropic         v1/messages/count_tokens                         count_tokens
        anthropic         v1/chat/completions                              chat
        google-ai-studio  v1beta/models/gemini-2.5-pro:generateContent     generate gemini-2.5-pro
        google-ai-studio  v1/models/g:streamGenerateContent?alt=sse&key=x  generate g stream
        google-ai-studio  v1beta/models/g:countTokens                      count_tokens g
        google-ai-studio  v1beta/models/gemini-embedding-001:embedContent  embed gemini-embedding-001
        google-ai-studio  v1beta/models/e:batchEmbedContents               embed e
        google-ai-studio  v1beta/tunedModels/t:generateContent             generate t
        google-ai-studio  v1beta/openai/chat/completions                   chat
        grok              v1/chat/completions                              chat
        groq              chat/completions                                 chat
        deepseek          chat/completions                                 chat
        mistral           v1/chat/completions                              chat
        perplexity-ai     chat/completions                                 chat
        cerebras          v1/chat/completions                              chat
        openrouter        v1/chat/completions                              chat
        fireworks         chat/completions                                 chat
        cohere            v2/chat                                          cohere_chat
        cohere            v2/embed                                         cohere_meta
        cohere            v2/rerank                                        cohere_meta
        cohere            compatibility/v1/chat/completions                chat
        azure-openai      res/dep/chat/completions?api-version=1           chat dep
        custom-mine       any/where/chat/completions/                      chat
        custom-mine       v1/messages                                      messages
        openai            v1/models                                        -
        openai            v1/files                                         -
        openai            v1/responses/resp_1                              -
        openai            v1/batches                                       -
        openai            xcompletions                                     -
        anthropic         v1/messages/batches                              -
        google-ai-studio  v1beta/models/imagen-4:predict                   -
        google-ai-studio  v1beta/files/x:generateContent                   -
        google-ai-studio  v1beta/models                                    -
    ";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let told = match crate::dialects::endpoint(words[0], words[1]) {
            None => "-".to_owned(),
            Some(endpoint) => {
                let stream = (endpoint.stream == Some(true)).then_some("stream".to_owned());
                let name = Some(endpoint.api.name().to_owned());
                let parts = [name, endpoint.model, stream];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(told, words[2..].join(" "), "{line}");
    }
}
