package api

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

	"order-service/order"
)

// demoSession is how long a demo token is good for.
const demoSession = 12 * time.Hour

// login is the body of a demo login's answer; its names are OAuth's (RFC 6749,
// section 5.1) in the API's spelling.
type login struct {
	AccessToken string     `json:"accessToken"`
	TokenType   string     `json:"tokenType"`
	ExpiresAt   order.Time `json:"expiresAt"`
	UserID      string     `json:"userId"`
	Roles       []role     `json:"roles"`
}

// devLogin answers POST /dev/login {"userId"?, "admin"?}: whoever asks is
// believed. It also sets the cookie for streams. It demands JSON, so that no
// other site's form can log a browser in.
func (s *Server) devLogin(c *fiber.Ctx) error {
	b, err := readBody(c, maxBody)
	if err != nil {
		return err
	}
	userID, admin := b.optionalText("userId"), b.flag("admin")
	if userID == "" {
		userID = "guest-" + strings.ToLower(rand.Text()[:8])
	}
	if err := b.check(validDemoUser(userID)); err != nil {
		return err
	}
	granted, err := s.mint(userID, admin)
	if err != nil {
		return err
	}
	c.Cookie(&fiber.Cookie{
		Name: streamCookie, Value: granted.AccessToken, Path: streamsOf(admin), Expires: granted.ExpiresAt.Time,
		HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode, Secure: strings.HasPrefix(s.cfg.PublicURL, "https:"),
	})
	return c.JSON(granted)
}

// streamsOf is the path of the streams that a login is for. With a path of its
// own, the operator's cookie and the buyer's live in one browser.
func streamsOf(admin bool) string {
	if admin {
		return "/board"
	}
	return "/orders"
}

func validDemoUser(id string) error {
	if !validUserID(id) {
		return order.Invalid("userId", "must be at most 128 bytes without control characters")
	}
	return nil
}

// demoClaims are where tokens are read unless JWTConfig says otherwise.
type demoClaims struct {
	jwt.RegisteredClaims
	UserID string `json:"userId"`
	Roles  []role `json:"roles"`
}

func (s *Server) mint(userID string, admin bool) (login, error) {
	now := time.Now().UTC().Truncate(time.Second)
	l := login{TokenType: "Bearer", ExpiresAt: order.Time{Time: now.Add(demoSession)}, UserID: userID, Roles: []role{roleUser}}
	if admin {
		l.Roles = append(l.Roles, roleAdmin)
	}
	c := demoClaims{UserID: userID, Roles: l.Roles, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: s.cfg.JWT.Issuer, Subject: userID,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(l.ExpiresAt.Time),
	}}
	if s.cfg.JWT.Audience != "" {
		c.Audience = jwt.ClaimStrings{s.cfg.JWT.Audience}
	}
	var err error
	l.AccessToken, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(s.cfg.JWT.Secret))
	return l, err
}
