export const TOKEN_ROUTE = "POST /oauth/token";
