mod tokens_verify;
